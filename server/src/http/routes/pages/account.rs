//! `/account`: who is signed in, the sessions, and the forms to change the password and to
//! end sessions.

use warp::Filter;
use warp::reply::Response;

use super::visit::Member;
use super::{Guest, Visit, or_refused, visit};
use crate::domain::ids::SessionId;
use crate::domain::sessions::TokenPair;
use crate::http::body::{Body, body};
use crate::http::error::{ApiError, Problem};
use crate::http::form::Form;
use crate::http::operation::{Endpoint, Operation};
use crate::http::pages::{self, AccountPage, Faults, Notice, password_hint};
use crate::http::routes::me::read_password_change;
use crate::http::state::Shared;

pub(crate) fn show(operation: Operation, state: &Shared) -> Endpoint {
    operation.undescribed().answered_by(|route| {
        route
            .and(visit(state))
            .then(async |visit: Visit| or_refused(look(&visit).await))
    })
}

async fn look(visit: &Visit) -> Result<Response, ApiError> {
    let member = match visit.guest().await? {
        Guest::Member(member) => member,
        other => return Ok(visit.tidy(&other, pages::see_other("/signin"))),
    };
    render(visit, &member, None).await
}

/// The page, or what it is like after a form that failed.
async fn render(
    visit: &Visit,
    member: &Member,
    error: Option<&ApiError>,
) -> Result<Response, ApiError> {
    let Member { user, session } = member;
    let sessions = visit.state.sessions.list(user.id, visit.cx.now).await?;
    let hint = password_hint(visit.state.accounts.rules().policy());
    let page = AccountPage::new(user, &sessions, session.id, &hint);
    Ok(match error {
        None => pages::page(&page.after(visit.notice("/account"))),
        Some(error) => pages::failed(error, &page.with(&Faults::of(error))),
    })
}

/// What a form of the page is for.
#[derive(Clone, Copy)]
enum Act {
    ChangePassword,
    EndSession,
    EndSessions,
}

pub(crate) fn change_password(operation: Operation, state: &Shared) -> Endpoint {
    form(operation, state, Act::ChangePassword)
}

pub(crate) fn end_session(operation: Operation, state: &Shared) -> Endpoint {
    form(operation, state, Act::EndSession)
}

pub(crate) fn end_sessions(operation: Operation, state: &Shared) -> Endpoint {
    form(operation, state, Act::EndSessions)
}

fn form(operation: Operation, state: &Shared, act: Act) -> Endpoint {
    operation.undescribed().answered_by(|route| {
        let body = body(state.settings.max_body);
        route
            .and(visit(state))
            .and(body)
            .then(move |mut visit: Visit, body: Body| async move {
                or_refused(submit(&mut visit, body, act).await)
            })
    })
}

/// Does what the form is for in the name of whoever is signed in; whoever is not is asked
/// to sign in.
async fn submit(visit: &mut Visit, body: Body, act: Act) -> Result<Response, ApiError> {
    let form = visit.form(body).await?;
    let member = match visit.guest().await? {
        Guest::Member(member) => member,
        other => return Ok(visit.tidy(&other, pages::see_other("/signin"))),
    };
    let done = match act {
        Act::ChangePassword => change(visit, &member, form).await,
        Act::EndSession => end(visit, &member, &form).await,
        Act::EndSessions => end_all(visit, &member).await,
    };
    match done {
        Ok(answer) => Ok(answer),
        // Gone or disabled by now.
        Err(error) if error.problem() == Problem::InvalidToken => {
            Ok(visit.forget(pages::see_other("/signin")))
        }
        Err(error) => render(visit, &member, Some(&error)).await,
    }
}

async fn change(visit: &Visit, member: &Member, form: Form) -> Result<Response, ApiError> {
    let (current, new) = read_password_change(form.into_fields())?;
    let cx = visit.cx.clone().by(member.user.id);
    let accounts = &visit.state.accounts;
    let tokens: TokenPair = accounts
        .change_password(&cx, &member.user, current, new)
        .await?;
    let done = pages::see_other(Notice::PasswordChanged.page());
    Ok(visit.keep(&tokens, done))
}

async fn end(visit: &Visit, member: &Member, form: &Form) -> Result<Response, ApiError> {
    let session: SessionId = form
        .text("session_id")
        .parse()
        .map_err(|_| Problem::SessionNotFound)?;
    let cx = visit.cx.clone().by(member.user.id);
    let sessions = &visit.state.sessions;
    sessions.end(&cx, member.user.id, session).await?;
    Ok(if session == member.session.id {
        visit.forget(pages::see_other(Notice::SignedOut.page()))
    } else {
        pages::see_other(Notice::SessionEnded.page())
    })
}

async fn end_all(visit: &Visit, member: &Member) -> Result<Response, ApiError> {
    let cx = visit.cx.clone().by(member.user.id);
    let sessions = &visit.state.sessions;
    sessions.end_all(&cx, member.user.id).await?;
    let done = pages::see_other(Notice::SignedOutEverywhere.page());
    Ok(visit.forget(done))
}
