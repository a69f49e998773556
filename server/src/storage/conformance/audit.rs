use super::*;
use crate::domain::audit::{AuditFilter, AuditPage, Event, Reason, Record, Word};
use crate::domain::clients::{Client, ClientName, SecretHash};
use crate::domain::context::{Actor, OperatorName};
use crate::domain::ids::ClientId;
use crate::domain::keys::KeyChange;
use crate::domain::session::{EndReason, Rotation};
use crate::domain::user::ProfileChange;
use crate::storage::{Housekept, Limits, Storage};

async fn trail(storage: &dyn Storage) -> Vec<Record> {
    let everything = AuditFilter::default();
    storage
        .audit(&everything, AuditPage::After(None), 1000)
        .await
        .unwrap()
}

/// What one unit of work has put on record: each record is there once.
struct Recorded<'s> {
    storage: &'s SharedStorage,
    seen: usize,
}

impl Recorded<'_> {
    async fn since(&mut self) -> Vec<Record> {
        let mut records = trail(&**self.storage).await;
        // Those of one instant are in no order.
        let known = records.len();
        let new = records.split_off(self.seen.min(known));
        self.seen = known;
        new
    }

    /// Exactly one event, with its user and session.
    #[track_caller]
    fn is(new: &[Record], word: Word, user: Option<UserId>, session: Option<SessionId>) {
        let [record] = new else {
            panic!("{word:?}: {new:#?}");
        };
        assert_eq!(record.event, word.as_str());
        assert_eq!(record.outcome, word.outcome().as_str());
        assert_eq!(
            (record.user_id, record.session_id),
            (user, session),
            "{word:?}"
        );
    }
}

/// Each unit happens a millisecond after the one before.
fn at(millis: u64) -> WriteContext {
    cx(later(Duration::from_millis(millis)))
}

pub(in crate::storage) async fn every_change_is_on_record_once(storage: &SharedStorage) {
    let mut recorded = Recorded { storage, seen: 0 };
    let (user, session) = signed_in(storage).await;
    let id = user.id;
    Recorded::is(
        &recorded.since().await,
        Word::SignedUp,
        Some(id),
        Some(session),
    );

    let added = storage
        .create_user(&at(1), new_user("bob@example.com"), None)
        .await;
    let bob = added.unwrap().id;
    Recorded::is(&recorded.since().await, Word::UserAdded, Some(bob), None);

    let upgrades = [None, Some(hash("again")), Some(hash("first"))];
    let mut stored = hash("first");
    for (nth, upgraded) in (2..).zip(upgrades) {
        let new = new_session();
        let session = Some(new.id);
        storage
            .start_session(&at(nth), id, &stored, upgraded.clone(), new)
            .await
            .unwrap();
        stored = upgraded.unwrap_or(stored);
        Recorded::is(&recorded.since().await, Word::SignedIn, Some(id), session);
    }

    let change = ProfileChange {
        name: None,
        age: Some(None),
    };
    storage.update_profile(&at(5), id, change).await.unwrap();
    Recorded::is(
        &recorded.since().await,
        Word::ProfileChanged,
        Some(id),
        None,
    );
    let address = email("ada@example.org");
    storage.change_email(&at(6), id, address).await.unwrap();
    Recorded::is(&recorded.since().await, Word::EmailChanged, Some(id), None);

    storage
        .end_session(&at(7), id, session, EndReason::Logout)
        .await
        .unwrap();
    Recorded::is(
        &recorded.since().await,
        Word::SignedOut,
        Some(id),
        Some(session),
    );
    storage
        .end_sessions(&at(8), id, EndReason::EndedByUser)
        .await
        .unwrap();
    let ended = recorded.since().await;
    Recorded::is(&ended, Word::SessionsEnded, Some(id), None);
    assert_eq!(ended[0].detail.as_deref(), Some("3"));

    let new = new_session();
    let session = Some(new.id);
    storage
        .change_password(&at(9), id, Some(&stored), hash("second"), Some(new))
        .await
        .unwrap();
    Recorded::is(
        &recorded.since().await,
        Word::PasswordChanged,
        Some(id),
        session,
    );
    for (nth, disabled, word) in [
        (10, true, Word::UserDisabled),
        (11, false, Word::UserEnabled),
    ] {
        storage.set_disabled(&at(nth), id, disabled).await.unwrap();
        Recorded::is(&recorded.since().await, word, Some(id), None);
    }
    storage.delete_user(&at(12), id, None).await.unwrap();
    Recorded::is(&recorded.since().await, Word::UserDeleted, Some(id), None);

    let client = Client {
        id: ClientId::new(NOW, &SystemEntropy),
        name: ClientName::parse("gateway").unwrap(),
        secret: SecretHash([7; 32]),
        created_at: NOW,
    };
    storage.add_client(&at(13), &client).await.unwrap();
    storage.remove_client(&at(14), &client.name).await.unwrap();
    let clients = recorded.since().await;
    Recorded::is(&clients[..1], Word::ClientAdded, None, None);
    Recorded::is(&clients[1..], Word::ClientRemoved, None, None);
    assert_eq!(clients[0].detail.as_deref(), Some("gateway"));
}

pub(in crate::storage) async fn what_does_not_happen_is_not_on_record(storage: &SharedStorage) {
    let (user, session) = signed_in(storage).await;
    let id = user.id;
    let nobody = UserId::new(NOW, &SystemEntropy);
    let wrong = hash("wrong");
    let taken = storage
        .create_user(&at(1), new_user("ADA@example.com"), Some(new_session()))
        .await;
    assert!(matches!(taken, Err(StorageError::EmailTaken)));
    // The session is refused after the user was inserted.
    let twice = NewSession {
        id: session,
        ..new_session()
    };
    let other = new_user("bob@example.com");
    storage
        .create_user(&at(2), other, Some(twice.clone()))
        .await
        .unwrap_err();
    for expected in [&wrong, &hash("first")] {
        let session = twice.clone();
        let _ = storage
            .start_session(&at(3), id, expected, None, session.clone())
            .await;
        let _ = storage
            .change_password(&at(4), id, Some(expected), hash("new"), Some(session))
            .await;
    }
    storage.delete_user(&at(5), id, Some(&wrong)).await.unwrap();
    storage.delete_user(&at(5), nobody, None).await.unwrap();
    storage.set_disabled(&at(6), id, false).await.unwrap();
    storage.set_disabled(&at(6), nobody, true).await.unwrap();
    let unchanged = ProfileChange {
        name: None,
        age: None,
    };
    storage.update_profile(&at(7), id, unchanged).await.unwrap();
    storage
        .change_email(&at(8), nobody, email("eve@example.com"))
        .await
        .unwrap();
    storage
        .end_session(&at(9), nobody, session, EndReason::Logout)
        .await
        .unwrap();
    let stale = storage.key_generation().await.unwrap() + 1;
    let event = vec![Event::new(Word::KeyRemoved)];
    let remove = vec![KeyChange::Remove("kid".to_owned())];
    storage
        .change_keys(&at(10), stale, remove, event)
        .await
        .unwrap();

    Recorded::is(
        &trail(&**storage).await,
        Word::SignedUp,
        Some(id),
        Some(session),
    );
}

pub(in crate::storage) async fn reuse_is_on_record_and_a_rotation_is_not(storage: &SharedStorage) {
    let (user, session) = signed_in(storage).await;
    let rotation = Rotation {
        session,
        presented: token(1),
        successor: token(2),
        sealed_successor: Vec::new(),
        expires_at: later(30 * MINUTE),
        grace: Duration::ZERO,
        status: None,
    };
    for millis in [1, 2, 3] {
        storage
            .rotate_refresh(&at(millis), rotation.clone())
            .await
            .unwrap();
    }
    let trail = trail(&**storage).await;
    assert_eq!(trail.len(), 2, "{trail:#?}");
    Recorded::is(
        &trail[1..],
        Word::RefreshReused,
        Some(user.id),
        Some(session),
    );
}

pub(in crate::storage) async fn a_record_is_found_again_exactly(storage: &SharedStorage) {
    let user = UserId::new(NOW, &SystemEntropy);
    let session = SessionId::new(NOW, &SystemEntropy);
    let full = Event::of(Word::SignInFailed, user)
        .in_session(session)
        .because(Reason::WrongPassword)
        .about("detail");
    storage.record(&cx(NOW), full).await.unwrap();
    let operator = WriteContext {
        actor: Actor::Operator(OperatorName::new("root")),
        ..WriteContext::service(later(MINUTE))
    };
    let bare = Event::new(Word::UsersExported);
    storage.record(&operator, bare).await.unwrap();

    let trail = trail(&**storage).await;
    let expected = [
        Record {
            event_id: trail[0].event_id,
            at: NOW,
            event: "user.sign_in_failed".into(),
            outcome: "failure".into(),
            reason: Some("wrong_password".into()),
            actor: "service".into(),
            actor_id: None,
            user_id: Some(user),
            session_id: Some(session),
            detail: Some("detail".to_owned()),
            ip: Some("2001:db8::7".parse().unwrap()),
            user_agent: Some("Tests/1.0 (\u{1F980})".to_owned()),
            request_id: Some("request".to_owned()),
        },
        Record {
            event_id: trail[1].event_id,
            at: later(MINUTE),
            event: "user.exported".into(),
            outcome: "success".into(),
            reason: None,
            actor: "operator".into(),
            actor_id: Some("root".to_owned()),
            user_id: None,
            session_id: None,
            detail: None,
            ip: None,
            user_agent: None,
            request_id: None,
        },
    ];
    assert_eq!(trail, expected);
}

pub(in crate::storage) async fn the_records_of_one_unit_are_in_its_order(storage: &SharedStorage) {
    let generation = storage.key_generation().await.unwrap();
    let words = [
        Word::KeyRemoved,
        Word::KeyAdded,
        Word::KeyActivated,
        Word::KeyRetired,
        Word::KeyResealed,
    ];
    let events = words.map(Event::new).to_vec();
    storage
        .change_keys(&cx(NOW), generation, Vec::new(), events)
        .await
        .unwrap();
    let trail = trail(&**storage).await;
    let recorded: Vec<_> = trail.iter().map(|record| &*record.event).collect();
    assert_eq!(recorded, words.map(Word::as_str));
}

pub(in crate::storage) async fn the_trail_is_read_by_user_word_and_time(storage: &SharedStorage) {
    let users: Vec<UserId> = (0..2).map(|_| UserId::new(NOW, &SystemEntropy)).collect();
    let words = [Word::SignedIn, Word::SignedOut, Word::UserDisabled];
    for minute in 0..12_u32 {
        let nth = minute as usize;
        let event = Event::of(words[nth % 3], users[nth % 2]).about(minute.to_string());
        let cx = cx(later(minute * MINUTE));
        storage.record(&cx, event).await.unwrap();
    }
    let minutes = async |filter: AuditFilter, page, limit| {
        let records = storage.audit(&filter, page, limit).await.unwrap();
        let minutes = records
            .iter()
            .map(|record| record.detail.clone().unwrap().parse().unwrap());
        (
            minutes.collect::<Vec<u32>>(),
            records.last().map(|record| record.event_id),
        )
    };
    let from_the_start = AuditPage::After(None);
    let user = Some(users[0]);
    for (filter, expected) in [
        (
            AuditFilter {
                user,
                ..AuditFilter::default()
            },
            vec![0, 2, 4, 6, 8, 10],
        ),
        (
            AuditFilter {
                words: vec![Word::SignedOut],
                ..AuditFilter::default()
            },
            vec![1, 4, 7, 10],
        ),
        (
            AuditFilter {
                words: vec![Word::SignedOut, Word::UserDisabled],
                user,
                ..AuditFilter::default()
            },
            vec![2, 4, 8, 10],
        ),
        (
            AuditFilter {
                since: Some(later(3 * MINUTE)),
                until: Some(later(5 * MINUTE)),
                ..AuditFilter::default()
            },
            vec![3, 4],
        ),
    ] {
        let (found, _) = minutes(filter.clone(), from_the_start, 100).await;
        assert_eq!(found, expected, "{filter:?}");
        let (latest, _) = minutes(filter.clone(), AuditPage::Latest, 2).await;
        assert_eq!(latest, expected[expected.len() - 2..], "{filter:?}");
        // In pages of one.
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (page, last) = minutes(filter.clone(), AuditPage::After(after), 1).await;
            let Some(last) = last else { break };
            found.extend(page);
            after = Some(last);
        }
        assert_eq!(found, expected, "{filter:?}");
    }
}

pub(in crate::storage) async fn housekeeping_forgets_old_records(storage: &SharedStorage) {
    for minute in 0..3 {
        let event = Event::new(Word::UsersExported);
        storage
            .record(&cx(later(minute * MINUTE)), event)
            .await
            .unwrap();
    }
    let long_ago = Timestamp::from_millis(0);
    for (before, deleted) in [(0, 0), (2, 2), (2, 0)] {
        let limits = Limits {
            sessions_over_before: long_ago,
            rotated_before: long_ago,
            audited_before: later(before * MINUTE),
        };
        let done = storage.housekeep(&cx(NOW), limits).await.unwrap();
        let expected = Housekept {
            audit_events: deleted,
            ..Housekept::default()
        };
        assert_eq!(done, expected, "before minute {before}");
    }
    let left = trail(&**storage).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].at, later(2 * MINUTE));
}
