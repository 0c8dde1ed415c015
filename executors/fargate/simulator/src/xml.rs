//! Writing the XML of the query protocol: elements, lists of members, escaped text.

use std::fmt::Write;

/// Text as it may stand between tags.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// An answer being written.
#[derive(Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// An element with text in it.
    pub(crate) fn text(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "<{name}>{}</{name}>", escape(&value.to_string()));
        self
    }

    /// An element with elements in it.
    pub(crate) fn element(mut self, name: &str, inner: Xml) -> Self {
        let _ = write!(self.0, "<{name}>{}</{name}>", inner.0);
        self
    }

    /// A list.
    pub(crate) fn list(self, name: &str, members: impl IntoIterator<Item = Xml>) -> Self {
        let inner = members.into_iter().fold(Xml::default(), |list, member| {
            list.element("member", member)
        });
        self.element(name, inner)
    }

    /// The whole answer to a call.
    pub(crate) fn answer(self, action: &str) -> String {
        let id = uuid::Uuid::new_v4();
        format!(
            "<{action}Response xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
             <{action}Result>{}</{action}Result><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\
             </{action}Response>",
            self.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_an_element() {
        let text = Xml::default().text("A", "<b> & c").answer("X");
        assert!(text.contains("<A>&lt;b&gt; &amp; c</A>"), "{text}");
    }
}
