//! Exact decimal numbers on the wire: groups of four digits, a weight, a sign and a scale.

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// The text of a number, exactly as the server shows it.
pub(crate) fn decode(bytes: &[u8]) -> Option<String> {
    let word = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let (count, weight) = (usize::from(word(0)?), i32::from(word(2)? as i16));
    let (sign, scale) = (word(4)?, usize::from(word(6)?));
    match sign {
        NAN => return Some("NaN".to_owned()),
        INFINITY => return Some("Infinity".to_owned()),
        MINUS_INFINITY => return Some("-Infinity".to_owned()),
        _ => {}
    }
    let groups: Option<Vec<u16>> = (0..count).map(|i| word(8 + 2 * i)).collect();
    let groups = groups?;
    let group = |power: i32| {
        let index = usize::try_from(weight - power).ok();
        index.and_then(|i| groups.get(i)).copied().unwrap_or(0)
    };
    let whole: String = (0..=weight.max(0))
        .rev()
        .map(|power| format!("{:04}", group(power)))
        .collect();
    let parts = i32::try_from(scale.div_ceil(4)).ok()?;
    let fraction: String = (1..=parts).map(|n| format!("{:04}", group(-n))).collect();
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let minus = if sign == NEGATIVE { "-" } else { "" };
    if scale == 0 {
        return Some(format!("{minus}{whole}"));
    }
    Some(format!("{minus}{whole}.{}", fraction.get(..scale)?))
}

/// The wire form of a decimal number such as `-12.50` or `1e-7`.
pub(crate) fn encode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let special = match text.to_ascii_lowercase().as_str() {
        "nan" => Some(NAN),
        "infinity" => Some(INFINITY),
        "-infinity" => Some(MINUS_INFINITY),
        _ => None,
    };
    if let Some(sign) = special {
        return Some(wire(&[], 0, sign, 0));
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (NEGATIVE, rest),
        None => (0, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: String = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) || exponent.abs() > 1_000 {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()? + exponent;
    Some(grouped(&all, point, sign))
}

/// `digits` with the point after the first `point` of them.
fn grouped(digits: &str, point: i32, sign: u16) -> Vec<u8> {
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let scale = (length - point).max(0);
    let digit = |place: i32| {
        let index = usize::try_from(place + point).ok();
        let byte = index.and_then(|i| digits.as_bytes().get(i));
        byte.map_or(0, |byte| u16::from(byte - b'0'))
    };
    // Group `g` holds the places 4g..4g+4, counted from the point: negative ones are before it.
    let first = (-point).div_euclid(4);
    let last = (length - point + 3).div_euclid(4);
    let mut groups: Vec<u16> = (first..last)
        .map(|g| (0..4).fold(0, |sum, place| sum * 10 + digit(4 * g + place)))
        .collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let first = first + i32::try_from(leading).unwrap_or(0);
    let weight = if groups.is_empty() { 0 } else { -first - 1 };
    let sign = if groups.is_empty() { 0 } else { sign };
    wire(&groups, weight as i16, sign, scale as u16)
}

fn wire(groups: &[u16], weight: i16, sign: u16, scale: u16) -> Vec<u8> {
    let head = [groups.len() as u16, weight as u16, sign, scale];
    head.iter()
        .chain(groups)
        .flat_map(|word| word.to_be_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_digit_for_digit() {
        for text in [
            "0",
            "1",
            "-1",
            "9999",
            "10000",
            "12345678901234567890.0001",
            "0.5",
            "-0.00001234",
            "100000000",
            "12.50",
            "0.00",
            "NaN",
            "Infinity",
            "-Infinity",
            "10000.00010000",
        ] {
            let bytes = encode(text).expect(text);
            assert_eq!(decode(&bytes).as_deref(), Some(text));
        }
    }

    #[test]
    fn powers_of_ten_are_read() {
        let read = |text| decode(&encode(text).expect(text));
        assert_eq!(read("1e-7").as_deref(), Some("0.0000001"));
        assert_eq!(read("1.5E3").as_deref(), Some("1500"));
        assert_eq!(read("+7").as_deref(), Some("7"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "abc", "1.2.3", "--1", "1e", "1e999999", "0x10", "1 2"] {
            assert_eq!(encode(text), None, "{text}");
        }
    }

    #[test]
    fn broken_bytes_do_no_harm() {
        for bytes in [&[][..], &[0, 1], &[0, 9, 0, 0, 0, 0, 0, 0, 0, 1]] {
            assert_eq!(decode(bytes), None);
        }
    }
}
