//! Amounts as people write them: `₩1,234,000`, `(1,200)`, `△5.5`, `12.5%`.
//!
//! Exact decimals of up to six places; whatever is not surely an amount (`0101`, `3,4`) is none.

use serde::{Deserialize, Serialize};

const PLACES: usize = 6;
const ONE: i128 = 1_000_000;

/// An exact decimal; written as its plain text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Amount(i128);

impl Amount {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (in_brackets, text) = match text
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
        {
            Some(inner) => (true, inner),
            None => (false, text),
        };
        let (minus, text) = without_sign(text.trim());
        let (inner_minus, text) = without_sign(without_unit(text));
        let size = unsigned(text)?;
        Some(Self(if in_brackets || minus || inner_minus {
            -size
        } else {
            size
        }))
    }

    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The amount as a JSON number: whole where it is whole.
    pub(crate) fn json(self) -> serde_json::Value {
        let text = self.to_string();
        serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))
    }
}

fn without_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix(['-', '−', '△', '▲']) {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn without_unit(text: &str) -> &str {
    let front = ["₩", "￦", "KRW"]
        .iter()
        .find_map(|unit| text.strip_prefix(unit))
        .unwrap_or(text);
    let back = ["원", "KRW", "%"]
        .iter()
        .find_map(|unit| front.strip_suffix(unit))
        .unwrap_or(front);
    back.trim()
}

fn unsigned(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let plain = without_separators(whole)?;
    let sure = digits(&plain) && digits(fraction) && fraction.len() <= PLACES && plain.len() <= 24;
    if !sure || (plain.len() > 1 && plain.starts_with('0')) {
        return None;
    }
    let fraction: i128 = format!("{fraction:0<PLACES$}").parse().ok()?;
    plain
        .parse::<i128>()
        .ok()?
        .checked_mul(ONE)?
        .checked_add(fraction)
}

/// `1,234,567` → `1234567`; groups of another length than three are no separators.
fn without_separators(whole: &str) -> Option<String> {
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let rest: Vec<_> = groups.collect();
    let regular =
        rest.is_empty() || (first.len() <= 3 && rest.iter().all(|group| group.len() == 3));
    regular.then(|| whole.replace(',', ""))
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.0.unsigned_abs();
        let (whole, fraction) = (size / ONE.unsigned_abs(), size % ONE.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        let places = format!("{fraction:0PLACES$}");
        match places.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            places => write!(f, "{sign}{whole}.{places}"),
        }
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

impl TryFrom<String> for Amount {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not an amount"))
    }
}

#[cfg(test)]
mod tests {
    use super::Amount;

    fn plain(text: &str) -> Option<String> {
        Amount::parse(text).map(|amount| amount.to_string())
    }

    #[test]
    fn amounts_in_every_dress_become_plain() {
        let cases = [
            ("1,234,000", "1234000"),
            ("₩ 1,200", "1200"),
            ("-₩1,200", "-1200"),
            ("₩-1,200", "-1200"),
            ("(3,500)", "-3500"),
            ("△5.50", "-5.5"),
            ("12.5%", "12.5"),
            ("KRW 900", "900"),
            ("900원", "900"),
            ("0.25", "0.25"),
            ("-0", "0"),
        ];
        for (written, expected) in cases {
            assert_eq!(plain(written).as_deref(), Some(expected), "{written}");
        }
    }

    #[test]
    fn what_is_not_surely_an_amount_is_none() {
        for written in [
            "",
            "-",
            "0101",
            "3,4",
            "1,2345",
            "A-10",
            "2025.11.07",
            "1.2345678",
            "원",
            "1e5",
        ] {
            assert_eq!(plain(written), None, "{written}");
        }
    }

    #[test]
    fn a_sum_of_decimals_is_exact() {
        let tenth = Amount::parse("0.1").unwrap();
        let sum = (0..10)
            .try_fold(Amount::default(), |sum, _| sum.plus(tenth))
            .unwrap();
        assert_eq!(sum.to_string(), "1");
    }
}
