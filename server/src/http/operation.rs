//! One operation of the API: what it is and what answers it, declared side by side.
//!
//! From these declarations come the warp filters, the route table and `/openapi.json`, so
//! that the three cannot disagree.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};
use warp::filters::BoxedFilter;
use warp::http::{Method, StatusCode};
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use super::error::Problem;
use super::fields::Member;

/// A declared operation and the filter that answers it.
pub(crate) struct Endpoint {
    pub(crate) operation: Operation,
    pub(crate) filter: BoxedFilter<(Response,)>,
}

/// What a caller has to know about an operation.
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// The path; a parameter stands in braces and is the last segment.
    pub(crate) path: &'static str,
    /// The unique name, for generated clients.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    /// Whether pages of every origin may read the answers.
    pub(crate) public: bool,
    /// Whether it is described to others; what only belongs to a page is not.
    pub(crate) described: bool,
    pub(crate) token: Token,
    /// The schema of the path's parameter, if it has one.
    pub(crate) parameter: fn() -> Value,
    /// The members of the body, if there is one.
    pub(crate) body: &'static [Member],
    /// Whether the body is a form, and not JSON.
    pub(crate) form: bool,
    pub(crate) answers: Vec<Answer>,
    pub(crate) problems: Vec<Problem>,
}

/// Which token an operation wants in `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// None.
    None,
    /// An access token.
    Access,
    /// A refresh token, or none when it is in the body.
    RefreshOrBody,
    /// Either.
    AccessOrRefresh,
    /// None: the credentials of a client, here or in the form.
    Client,
    /// The same, or nothing.
    AnyClient,
}

/// An answer that is no problem.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) description: &'static str,
    pub(crate) content: Option<Content>,
    pub(crate) links: Vec<Link>,
}

/// What can be done next with something in an answer (OpenAPI 3.1 section 4.8.20).
pub(crate) struct Link {
    /// The operation, by its name.
    pub(crate) operation: &'static str,
    /// Its `parameters` or its `requestBody`, with runtime expressions in it.
    pub(crate) given: fn() -> Value,
}

/// What is in an answer.
pub(crate) struct Content {
    pub(crate) media_type: &'static str,
    pub(crate) schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Operation {
    /// The operation of a method on a path.
    pub(crate) fn new(method: Method, path: &'static str) -> Self {
        Self {
            method,
            path,
            id: "",
            summary: "",
            public: false,
            described: true,
            token: Token::None,
            parameter: || json!({ "type": "string" }),
            body: &[],
            form: false,
            answers: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Has a unique name, for generated clients, and does what the summary says.
    pub(crate) fn named(mut self, id: &'static str, summary: &'static str) -> Self {
        self.id = id;
        self.summary = summary;
        self
    }

    /// Pages of every origin may read it.
    pub(crate) fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// Belongs to a page and is of no interest to anybody else.
    pub(crate) fn undescribed(mut self) -> Self {
        self.described = false;
        self
    }

    /// Wants a token.
    pub(crate) fn token(mut self, token: Token) -> Self {
        self.token = token;
        self.problem(Problem::InvalidRequest)
            .problem(Problem::AuthorizationRequired)
            .problem(match token {
                Token::RefreshOrBody => Problem::InvalidRefreshToken,
                _ => Problem::InvalidToken,
            })
    }

    /// Is asked by a client, which says who it is in one way.
    pub(crate) fn client(mut self, token: Token) -> Self {
        self.token = token;
        self.problem(Problem::AmbiguousClient)
            .problem(Problem::InvalidClient)
    }

    /// Has a path whose parameter has this schema.
    pub(crate) fn parameter(mut self, schema: fn() -> Value) -> Self {
        self.parameter = schema;
        self
    }

    /// Wants a form with these members.
    pub(crate) fn form(mut self, members: &'static [Member]) -> Self {
        self.body = members;
        self.form = true;
        self.problem(Problem::InvalidForm)
            .problem(Problem::RequestTimeout)
            .problem(Problem::BodyTooLarge)
            .problem(Problem::FormExpected)
            .problem(Problem::ValidationFailed)
    }

    /// Wants a JSON object with these members.
    pub(crate) fn body(mut self, members: &'static [Member]) -> Self {
        self.body = members;
        self.problem(Problem::InvalidJson)
            .problem(Problem::RequestTimeout)
            .problem(Problem::BodyTooLarge)
            .problem(Problem::UnsupportedMediaType)
            .problem(Problem::ValidationFailed)
    }

    /// Answers with JSON.
    pub(crate) fn answer<T: JsonSchema>(
        self,
        status: StatusCode,
        description: &'static str,
    ) -> Self {
        self.content::<T>(status, description, "application/json")
    }

    /// Answers with another media type.
    pub(crate) fn content<T: JsonSchema>(
        mut self,
        status: StatusCode,
        description: &'static str,
        media_type: &'static str,
    ) -> Self {
        self.answers.push(Answer {
            status,
            description,
            content: Some(Content {
                media_type,
                schema: SchemaGenerator::subschema_for::<T>,
            }),
            links: Vec::new(),
        });
        self
    }

    /// Answers with no content.
    pub(crate) fn no_content(mut self, status: StatusCode, description: &'static str) -> Self {
        self.answers.push(Answer {
            status,
            description,
            content: None,
            links: Vec::new(),
        });
        self
    }

    /// What the answer that was declared last can be used for.
    pub(crate) fn link(mut self, operation: &'static str, given: fn() -> Value) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.links.push(Link { operation, given });
        }
        self
    }

    /// May answer with this problem.
    pub(crate) fn problem(mut self, problem: Problem) -> Self {
        self.problems.push(problem);
        self
    }

    /// Completes the declaration with the filter that answers; it is given one to begin
    /// with. `dispatch` has looked at method and path by then.
    pub(crate) fn answered_by<F, R>(self, rest: impl FnOnce(BoxedFilter<()>) -> F) -> Endpoint
    where
        F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
        R: Reply + 'static,
    {
        self.finish(rest(warp::any().boxed()))
    }

    /// The same for a path that ends in a parameter, which the filter extracts as it
    /// came.
    pub(crate) fn answered_by_parameter<F, R>(
        self,
        rest: impl FnOnce(BoxedFilter<(String,)>) -> F,
    ) -> Endpoint
    where
        F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
        R: Reply + 'static,
    {
        let parents = self.path.split('/').filter(|segment| !segment.is_empty());
        let before = parents.filter(|segment| !segment.starts_with('{'));
        let before = before.fold(warp::any().boxed(), |before, segment| {
            before.and(warp::path(segment)).boxed()
        });
        self.finish(rest(before.and(warp::path::param()).boxed()))
    }

    fn finish<F, R>(self, filter: F) -> Endpoint
    where
        F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
        R: Reply + 'static,
    {
        Endpoint {
            operation: self,
            filter: filter.map(Reply::into_response).boxed(),
        }
    }
}
