//! What a page says about the form that led to it.

/// Something that was done. It travels in the query of the next page, as one of these
/// words: a link can make a page say nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    SignedOut,
    SignedOutEverywhere,
    SessionEnded,
    PasswordChanged,
}

impl Notice {
    const ALL: [Self; 4] = [
        Self::SignedOut,
        Self::SignedOutEverywhere,
        Self::SessionEnded,
        Self::PasswordChanged,
    ];

    /// The page that shows it, with the notice in its query.
    pub(crate) const fn page(self) -> &'static str {
        match self {
            Self::SignedOut => "/signin?notice=signed_out",
            Self::SignedOutEverywhere => "/signin?notice=signed_out_everywhere",
            Self::SessionEnded => "/account?notice=session_ended",
            Self::PasswordChanged => "/account?notice=password_changed",
        }
    }

    /// What it says.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::SignedOut => "You are signed out.",
            Self::SignedOutEverywhere => "You are signed out on every device.",
            Self::SessionEnded => "The session has ended.",
            Self::PasswordChanged => "Your password is changed. Every other session has ended.",
        }
    }

    /// The notice that a query asks this page to show.
    pub(crate) fn read(page: &str, query: &str) -> Option<Self> {
        let known = Self::ALL.into_iter();
        known.into_iter().find(|notice| {
            let (of_page, of_query) = notice.page().split_once('?').unwrap_or_default();
            (of_page, of_query) == (page, query)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_words_are_shown() {
        for notice in Notice::ALL {
            let (page, query) = notice.page().split_once('?').expect("a query");
            assert_eq!(Notice::read(page, query), Some(notice));
        }
        for query in ["", "notice=", "notice=<b>", "notice=signed_out&x=1", "x"] {
            assert_eq!(Notice::read("/signin", query), None, "{query}");
        }
        assert_eq!(Notice::read("/signin", "notice=password_changed"), None);
    }
}
