//! A request for a page: where it comes from, and who it is that the cookie remembers.

use std::convert::Infallible;
use std::sync::Arc;

use warp::Filter;
use warp::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use warp::reply::Response;
use zeroize::Zeroizing;

use crate::domain::context::WriteContext;
use crate::domain::error::Error;
use crate::domain::session::Session;
use crate::domain::sessions::TokenPair;
use crate::domain::user::User;
use crate::http::body::Body;
use crate::http::caller::{Caller, caller};
use crate::http::cookie::SessionCookie;
use crate::http::cross_site::is_cross_site;
use crate::http::error::{ApiError, Problem};
use crate::http::form::Form;
use crate::http::pages::{self, Notice};
use crate::http::state::Shared;

/// A request for a page, or one that a page's form makes.
pub(in crate::http::routes) struct Visit {
    pub(in crate::http::routes) state: Shared,
    /// The cause of what it changes; nobody has been recognised yet.
    pub(super) cx: WriteContext,
    headers: HeaderMap,
    query: String,
}

/// Whom the cookie stands for.
pub(in crate::http::routes) enum Guest {
    /// There is no cookie.
    Stranger,
    /// The cookie is of no use any more.
    Lapsed,
    /// Somebody who is signed in.
    Member(Box<Member>),
}

/// Somebody who is signed in.
pub(in crate::http::routes) struct Member {
    pub(super) user: User,
    pub(super) session: Session,
}

/// Extracts a [`Visit`].
pub(in crate::http::routes) fn visit(
    state: &Shared,
) -> impl Filter<Extract = (Visit,), Error = Infallible> + Clone + use<> {
    let state = Arc::clone(state);
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    caller().and(warp::header::headers_cloned()).and(query).map(
        move |caller: Caller, headers, query| Visit {
            cx: caller.context(state.now()),
            state: Arc::clone(&state),
            headers,
            query,
        },
    )
}

impl Visit {
    fn cookie(&self) -> SessionCookie {
        SessionCookie::new(self.state.settings.public_url.is_https())
    }

    /// What the browser keeps as its refresh token, several times if something else on this
    /// host has set such a cookie too.
    pub(super) fn tokens(&self) -> Vec<Zeroizing<String>> {
        self.cookie().read(&self.headers)
    }

    /// The refresh token in the cookie, if there is one.
    ///
    /// # Errors
    ///
    /// [`Problem::SeveralCookies`] when nobody can say which it is.
    pub(super) fn token(&self) -> Result<Option<Zeroizing<String>>, ApiError> {
        let mut tokens = self.tokens();
        let token = tokens.pop();
        if !tokens.is_empty() {
            return Err(Problem::SeveralCookies.into());
        }
        Ok(token)
    }

    /// Whom the cookie stands for. Its token stays as good as it was.
    ///
    /// # Errors
    ///
    /// Those of [`Visit::token`], and that the database cannot be used.
    pub(in crate::http::routes) async fn guest(&self) -> Result<Guest, ApiError> {
        let Some(token) = self.token()? else {
            return Ok(Guest::Stranger);
        };
        match self.state.sessions.recognise(&token, self.cx.now).await {
            Ok((session, user)) => Ok(Guest::Member(Box::new(Member { user, session }))),
            Err(Error::InvalidRefreshToken) => Ok(Guest::Lapsed),
            Err(error) => Err(error.into()),
        }
    }

    /// The notice that the page is to show.
    pub(super) fn notice(&self, page: &str) -> Option<Notice> {
        Notice::read(page, &self.query)
    }

    /// Lets through what one of our pages sent, or no browser.
    ///
    /// # Errors
    ///
    /// [`Problem::CrossSite`] for the rest.
    pub(super) fn refuse_cross_site(&self) -> Result<(), ApiError> {
        if is_cross_site(&self.headers, &self.state.settings.public_url) {
            return Err(Problem::CrossSite.into());
        }
        Ok(())
    }

    /// The form that one of our pages has sent. What it asks for happens from now on: how
    /// long a form takes to come is the client's choice.
    ///
    /// # Errors
    ///
    /// [`Problem::CrossSite`], and those of [`Body::form`] and [`Form::parse`].
    pub(super) async fn form(&mut self, body: Body) -> Result<Form, ApiError> {
        self.refuse_cross_site()?;
        let form = body.form().await?;
        self.cx.now = self.state.now();
        Form::parse(&form)
    }

    /// Signs the browser in to a new session and ends the one that it leaves for that
    /// (OWASP ASVS 5.0 requirement 7.2.4).
    pub(super) async fn enter(&self, tokens: &TokenPair) -> Response {
        if let Err(error) = self.leave().await {
            tracing::debug!(%error, "the earlier session could not be ended");
        }
        self.keep(tokens, pages::see_other("/account"))
    }

    /// Ends the session that the browser has. One that is over already is no error, and of
    /// several cookies each is one to leave: whoever signs out is signed out.
    pub(super) async fn leave(&self) -> Result<(), Error> {
        for token in self.tokens() {
            match self.state.sessions.logout(&self.cx, &token).await {
                Ok(()) | Err(Error::InvalidRefreshToken | Error::InvalidAccessToken) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The answer, with which the browser keeps another refresh token.
    pub(super) fn keep(&self, tokens: &TokenPair, mut answer: Response) -> Response {
        let cookie = self.cookie();
        let value = cookie.keep(&tokens.refresh_token, tokens.refresh_expires_in);
        set_cookie(&mut answer, value);
        answer
    }

    /// The answer, with which the browser forgets its refresh token.
    pub(super) fn forget(&self, mut answer: Response) -> Response {
        set_cookie(&mut answer, self.cookie().forget());
        answer
    }

    /// The answer, with which the browser forgets a refresh token that is of no use.
    pub(super) fn tidy(&self, guest: &Guest, answer: Response) -> Response {
        match guest {
            Guest::Lapsed => self.forget(answer),
            Guest::Stranger | Guest::Member(_) => answer,
        }
    }
}

fn set_cookie(answer: &mut Response, value: HeaderValue) {
    answer.headers_mut().insert(SET_COOKIE, value);
}
