//! Pages of lists, and the tokens that lead from one to the next.
//!
//! A token names the last item shown, so items that come or go between two pages neither repeat nor
//! hide others.

use super::refusal::Refusal;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    size: usize,
    after: Option<u64>,
}

/// Tokens are not meant to be made up or counted with.
const PREFIX: &str = "CgN";
const MASK: u64 = 0x5eed_5eed_5eed;

impl Page {
    pub(crate) fn new(
        size: Option<i64>,
        token: &str,
        usual: usize,
        most: usize,
    ) -> Result<Self, Refusal> {
        let size = match size.unwrap_or_default() {
            0 => usual,
            size => usize::try_from(size)
                .map_err(|_| Refusal::invalid("page_size must not be negative."))?
                .min(most),
        };
        Ok(Page {
            size,
            after: read_token(token)?,
        })
    }

    /// Cuts the page from items in their order, each with its key, which only falls or only rises.
    pub(crate) fn cut<T>(
        self,
        falling: bool,
        items: impl Iterator<Item = (u64, T)>,
    ) -> (Vec<T>, String) {
        let beyond = |key: u64| match self.after {
            None => true,
            Some(after) if falling => key < after,
            Some(after) => key > after,
        };
        let mut rest = items.filter(|(key, _)| beyond(*key)).peekable();
        let (mut page, mut last) = (Vec::new(), 0);
        while page.len() < self.size
            && let Some((key, item)) = rest.next()
        {
            last = key;
            page.push(item);
        }
        let token = rest
            .peek()
            .map(|_| format!("{PREFIX}{:x}", last ^ MASK))
            .unwrap_or_default();
        (page, token)
    }
}

fn read_token(token: &str) -> Result<Option<u64>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let number = token
        .strip_prefix(PREFIX)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number
        .map(|number| Some(number ^ MASK))
        .ok_or_else(|| Refusal::invalid("The page token is invalid."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(token: &str) -> (Vec<u64>, String) {
        Page::new(Some(2), token, 100, 1000)
            .unwrap()
            .cut(true, (0..5).rev().map(|n| (n, n)))
    }

    #[test]
    fn pages_follow_each_other_without_gaps() {
        let (first, token) = page("");
        let (second, token) = (first == [4, 3]).then(|| page(&token)).unwrap();
        let (third, last) = page(&token);
        assert_eq!((second, third, last.as_str()), (vec![2, 1], vec![0], ""));
    }

    #[test]
    fn a_made_up_token_or_a_negative_size_is_refused() {
        assert!(Page::new(None, "abc", 100, 1000).is_err());
        assert!(Page::new(Some(-1), "", 100, 1000).is_err());
    }
}
