//! Several instances on one database, behind one name: none keeps what another could miss.

use std::time::Duration;

use futures_util::future::join_all;
use latchkey_tests::{Account, Backend, Home, Load, Server, on_each_backend, on_postgres, within};

use crate::keys::{PEM, in_state, published, signed_by};

on_each_backend![
    four_that_start_at_once_are_one_service,
    item_42_a_token_refreshed_everywhere_at_once_has_one_successor,
    item_42_without_a_grace_one_refresh_wins_and_the_session_ends,
    item_46_what_ends_at_one_has_ended_at_all,
    item_64_a_rotated_key_is_published_by_all_before_one_signs_with_it,
    a_key_that_was_just_made_signs_everywhere_and_is_known_everywhere,
    item_64_a_key_that_is_retired_at_once_is_refused_by_all,
    an_instance_that_is_killed_takes_nothing_with_it,
    one_that_is_killed_while_it_starts_leaves_nothing_half_done,
];

on_postgres![housekeeping_is_done_once_for_all];

const COUNT: usize = 4;

/// All instances know of a change of the keys by then: within a second of the commit, as
/// the documentation says, and room for a machine that is busy.
const KEYS_SEEN: Duration = Duration::from_secs(10);

/// Four instances on a new database, all started at once.
async fn four(home: Home) -> [Server; COUNT] {
    let others = [home.instance(), home.instance(), home.instance()].map(Home::start);
    let [two, three, four] = others;
    tokio::join!(home.start(), two, three, four).into()
}

async fn four_that_start_at_once_are_one_service(backend: Backend) {
    let servers = four(Home::new(backend).with_public_url()).await;

    let alice = servers[0].account_of("Alice").await;
    for server in &servers {
        let _ = server.me(&alice.tokens.access).await.expect(200);
    }
    let refreshed = servers[1].refresh(&alice.tokens.refresh).await.expect(200);
    let access = refreshed.tokens().access;
    let _ = servers[2].log_out(&access).await.expect(200);
    for server in &servers {
        let _ = server.me(&access).await.expect(401);
    }
    let keys = servers[3].get("/.well-known/jwks.json").await.json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2), "{keys}");
    let _ = servers[0].cli(["migrate", "verify"]).await.ok();
}

async fn item_42_a_token_refreshed_everywhere_at_once_has_one_successor(backend: Backend) {
    let servers = four(Home::new(backend).for_a_ledger()).await;
    let alice = servers[0].account_of("Alice").await;

    let refreshes = (0..100).map(async |index: usize| {
        let server = &servers[index % COUNT];
        server.refresh(&alice.tokens.refresh).await.expect(200)
    });
    let answers = join_all(refreshes).await;

    let successor = answers[0].tokens().refresh;
    for answer in &answers {
        let tokens = answer.tokens();
        assert_eq!(tokens.refresh, successor);
        let _ = servers[3].me(&tokens.access).await.expect(200);
    }
    let sessions = servers[0].sessions(&alice.tokens.access).await.expect(200);
    assert_eq!(sessions.json().as_array().map(Vec::len), Some(1));
    let _ = servers[1].refresh(&successor).await.expect(200);
}

async fn item_42_without_a_grace_one_refresh_wins_and_the_session_ends(backend: Backend) {
    let home = Home::new(backend).with_public_url();
    let servers = four(home.env("LATCHKEY_TOKENS__REFRESH_GRACE", "0s")).await;
    let alice = servers[0].account_of("Alice").await;

    let refreshes = (0..100)
        .map(async |index: usize| servers[index % COUNT].refresh(&alice.tokens.refresh).await);
    let answers = join_all(refreshes).await;

    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 99));
    for answer in lost {
        assert_eq!(answer.status, 401, "{}", answer.shown());
    }
    let tokens = won[0].tokens();
    for server in &servers {
        let _ = server.me(&tokens.access).await.expect(401);
        let _ = server.refresh(&tokens.refresh).await.expect(401);
    }
}

async fn is_over(servers: &[Server], access: &str, refresh: &str) {
    for server in servers {
        let _ = server.me(access).await.expect(401);
        let _ = server.refresh(refresh).await.expect(401);
    }
}

async fn item_46_what_ends_at_one_has_ended_at_all(backend: Backend) {
    let servers = four(Home::new(backend).with_public_url()).await;
    let [one, two, three, four] = &servers;
    let sign_in = async |account: &Account, server: &Server| {
        let person = &account.person;
        let answer = server.sign_in(&person.email, &person.password).await;
        answer.expect(200).tokens()
    };

    let alice = one.account_of("Alice").await;
    let _ = two.log_out(&alice.tokens.access).await.expect(200);
    is_over(&servers, &alice.tokens.access, &alice.tokens.refresh).await;

    let (here, there) = (sign_in(&alice, one).await, sign_in(&alice, two).await);
    let changed = three
        .change_password(
            &here.access,
            &alice.person.password,
            "Heron-under-38-bridges",
        )
        .await
        .expect(200)
        .tokens();
    is_over(&servers, &here.access, &here.refresh).await;
    is_over(&servers, &there.access, &there.refresh).await;
    for server in &servers {
        let old = server.sign_in(&alice.person.email, &alice.person.password);
        let _ = old.await.expect(401);
        let _ = server.me(&changed.access).await.expect(200);
    }

    let _ = four.end_sessions(&changed.access).await.expect(204);
    is_over(&servers, &changed.access, &changed.refresh).await;

    let bobby = four.account_of("Bobby").await;
    let _ = one.cli(["user", "disable", &bobby.person.email]).await.ok();
    is_over(&servers, &bobby.tokens.access, &bobby.tokens.refresh).await;
    for server in &servers {
        let disabled = server.sign_in(&bobby.person.email, &bobby.person.password);
        let _ = disabled.await.expect(403);
    }

    let carol = two.account_of("Carol").await;
    let deletion = three.delete_me(&carol.tokens.access, &carol.person.password);
    let _ = deletion.await.expect(204);
    is_over(&servers, &carol.tokens.access, &carol.tokens.refresh).await;
}

/// A token of a new session, signed by this instance.
async fn signed_at(server: &Server, account: &Account) -> String {
    let person = &account.person;
    let answer = server.sign_in(&person.email, &person.password).await;
    answer.expect(200).tokens().access
}

/// The key did not exist when the instances started: each has to find it, and first to
/// publish it.
async fn item_64_a_rotated_key_is_published_by_all_before_one_signs_with_it(backend: Backend) {
    let servers = four(Home::new(backend).with_public_url()).await;
    let alice = servers[0].account_of("Alice").await;
    let old = signed_by(&alice.tokens.access);

    let import = servers[0].home().cli_with_input(PEM, ["key", "import"]);
    let _ = import.await.ok();
    let new = in_state(&servers[0], "standby").await;
    within(KEYS_SEEN, "all publish the new key", async || {
        let all = servers.iter().map(async |server| published(server).await);
        let all = join_all(all).await;
        all.iter().all(|keys| keys.contains(&new)).then_some(())
    })
    .await;

    // Caches may not have it yet, so that a rotation waits.
    let _ = servers[1].cli(["key", "rotate"]).await.ok();
    for server in &servers {
        assert_eq!(signed_by(&signed_at(server, &alice).await), old);
    }

    let _ = servers[2].cli(["key", "rotate", "--now"]).await.ok();
    within(KEYS_SEEN, "all sign with the new key", async || {
        let mut signed_anew = 0;
        for server in &servers {
            let token = signed_at(server, &alice).await;
            let kid = signed_by(&token);
            // Whichever it is, everybody knows it already.
            for other in &servers {
                let keys = published(other).await;
                assert!(keys.contains(&kid), "{kid}: {keys:?}");
                let _ = other.me(&token).await.expect(200);
            }
            signed_anew += usize::from(kid == new);
        }
        (signed_anew == COUNT).then_some(())
    })
    .await;
    let _ = servers[1].me(&alice.tokens.access).await.expect(200);
}

/// The second rotation is to a key that the first has made: it may sign before others have
/// heard of it, and they look when they see it.
async fn a_key_that_was_just_made_signs_everywhere_and_is_known_everywhere(backend: Backend) {
    let servers = four(Home::new(backend).with_public_url()).await;
    let alice = servers[0].account_of("Alice").await;
    let _ = servers[0].cli(["key", "rotate", "--now"]).await.ok();
    let newest = in_state(&servers[0], "standby").await;
    let _ = servers[1].cli(["key", "rotate", "--now"]).await.ok();

    within(KEYS_SEEN, "all sign with the newest key", async || {
        let mut signed_anew = 0;
        for server in &servers {
            let token = signed_at(server, &alice).await;
            for other in &servers {
                let _ = other.me(&token).await.expect(200);
            }
            signed_anew += usize::from(signed_by(&token) == newest);
        }
        (signed_anew == COUNT).then_some(())
    })
    .await;
    for server in &servers {
        let keys = published(server).await;
        assert!(keys.contains(&newest), "{newest}: {keys:?}");
        let _ = server.me(&alice.tokens.access).await.expect(200);
    }
}

async fn item_64_a_key_that_is_retired_at_once_is_refused_by_all(backend: Backend) {
    let servers = four(Home::new(backend).with_public_url()).await;
    let alice = servers[0].account_of("Alice").await;
    let stolen = signed_by(&alice.tokens.access);

    let retire = servers[3].cli(["key", "retire", &stolen, "--now"]);
    let _ = retire.await.ok();
    within(
        KEYS_SEEN,
        "all refuse what the key has signed",
        async || {
            let mut refused = 0;
            for server in &servers {
                refused += usize::from(server.me(&alice.tokens.access).await.status == 401);
            }
            (refused == COUNT).then_some(())
        },
    )
    .await;
    for server in &servers {
        let keys = published(server).await;
        assert!(!keys.contains(&stolen), "{stolen}: {keys:?}");
        let token = signed_at(server, &alice).await;
        for other in &servers {
            let _ = other.me(&token).await.expect(200);
        }
    }
}

async fn an_instance_that_is_killed_takes_nothing_with_it(backend: Backend) {
    let [one, two, three, four] = four(Home::new(backend).for_a_ledger()).await;
    let load = Load::new();
    let ledger = load
        .during(&[&one, &two, &three, &four], 20, async {
            load.answers(201, 20).await;
            one.send_kill_9();
            load.answers(0, 10).await;
            load.answers(201, 20).await;
        })
        .await;
    ledger.check(&two).await;
}

/// A little later each time, until one has got as far as to serve.
async fn one_that_is_killed_while_it_starts_leaves_nothing_half_done(backend: Backend) {
    let mut served = false;
    let mut delay = Duration::ZERO;
    while !served {
        let home = Home::new(backend);
        // Its process is killed when the task is dropped.
        let starting = tokio::time::timeout(delay, home.instance().start()).await;
        served = starting.is_ok();
        drop(starting);

        let server = home.start().await;
        let _ = server.account_of("Alice").await;
        let _ = server.cli(["migrate", "verify"]).await.ok();
        delay = delay * 5 / 4 + Duration::from_millis(5);
    }
}

/// Notes each turn that was taken, and each statement that deletes sessions.
const NOTE: &str = "
    CREATE TABLE noted (what text NOT NULL, at timestamptz NOT NULL DEFAULT now());
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO noted (what) VALUES (TG_ARGV[0]); RETURN NULL; END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE ON turns
        FOR EACH ROW WHEN (NEW.chore = 'housekeeping') EXECUTE FUNCTION note('turn');
    CREATE TRIGGER note AFTER DELETE ON sessions
        FOR EACH STATEMENT EXECUTE FUNCTION note('deletion');
";

/// The database itself counts, while four instances run for some turns.
async fn housekeeping_is_done_once_for_all(backend: Backend) {
    /// Of what has ended, and of what has expired.
    const DELETIONS: usize = 2;
    let home = Home::new(backend).with_public_url();
    let servers = four(home.instance()).await;
    let database = home.database();
    database.execute(NOTE);
    let noted = |what: &str| {
        let sql = format!("select count(*) from noted where what = '{what}'");
        database.rows(&sql)[0][0].parse::<usize>().expect("a count")
    };

    within(Duration::from_secs(60), "four turns", async || {
        (noted("turn") >= 4).then_some(())
    })
    .await;
    for server in servers {
        let _ = server.terminate().await;
    }

    let (turns, deletions) = (noted("turn"), noted("deletion"));
    // One turn may have begun before anything was noted, and one may have been cut short.
    let once = DELETIONS * (turns - 1)..=DELETIONS * (turns + 1);
    assert!(once.contains(&deletions), "{deletions} in {turns} turns");
    let too_soon = "select count(*) from \
        (select at - lag(at) over (order by at) as pause from noted where what = 'turn') as turns \
        where pause < interval '3.75 s'";
    assert_eq!(database.rows(too_soon), [["0"]]);
}
