//! Durations as people write them: `10s`, `30m`, `1d`, `1h30m`, `250ms`, `0s`.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serializer, de};

/// The units, largest first, in milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// Nothing here needs to last longer, and sums with a date stay far from
/// overflow.
const MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Reads a duration: one or more of a whole number and its unit (`w`, `d`,
/// `h`, `m`, `s`, `ms`), up to 100 years.
///
/// # Errors
/// Says what is wrong and how a duration looks.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write one like 30m, 1d, 10s or 1h30m");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut millis: u64 = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        if unit.is_empty() && tail.is_empty() {
            return Err(format!(
                "{text:?} has no unit; write {number}s for seconds, {number}m for minutes"
            ));
        }
        let (_, factor) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?;
        millis = number
            .checked_mul(*factor)
            .and_then(|part| millis.checked_add(part))
            .ok_or_else(|| format!("{text:?} is too long; the longest is 36500d"))?;
        rest = tail.trim_start();
    }
    let duration = Duration::from_millis(millis);
    if duration > MAX {
        return Err(format!("{text:?} is too long; the longest is 36500d"));
    }
    Ok(duration)
}

/// Writes a duration so that [`parse`] reads it again: `30m`, `1d`, `1h30m`.
#[must_use]
pub fn format(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    // Weeks are read but not written: "14d" is plainer than "2w".
    for (name, factor) in &UNITS[1..] {
        if millis >= *factor {
            text.push_str(&std::format!("{}{name}", millis / factor));
            millis %= factor;
        }
    }
    text
}

/// For `#[serde(serialize_with)]`.
pub(super) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*value))
}

/// For `#[serde(deserialize_with)]`.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(Visitor)
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration like \"30m\" or \"1d\"")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Duration, E> {
        parse(value).map_err(E::custom)
    }
}

/// The same for a duration that may be absent.
pub(super) mod option {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    #[derive(Deserialize)]
    struct Given(#[serde(deserialize_with = "super::deserialize")] Duration);

    pub(in super::super) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Given>::deserialize(deserializer)?.map(|Given(duration)| duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let cases = [
            ("0s", 0),
            ("10s", 10_000),
            ("30m", 1_800_000),
            ("1d", 86_400_000),
            ("2w", 1_209_600_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("250ms", 250),
            (" 5m ", 300_000),
        ];
        for (text, millis) in cases {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest_and_says_why() {
        for text in [
            "",
            "m",
            "fast",
            "-5m",
            "1.5h",
            "5 minutes",
            "5x",
            "10s!",
            "5M",
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains("30m, 1d"), "{error}");
        }
        assert_eq!(
            parse("15"),
            Err(r#""15" has no unit; write 15s for seconds, 15m for minutes"#.to_owned())
        );
        for text in [
            "36501d",
            "18446744073709551615w",
            "18446744073709551615ms1ms",
        ] {
            assert!(parse(text).expect_err(text).contains("too long"));
        }
        assert!(parse("99999999999999999999s").is_err());
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for text in ["0s", "10s", "30m", "1d", "14d", "1h30m", "1d2h3m4s5ms"] {
            assert_eq!(format(parse(text).expect(text)), text);
        }
        assert_eq!(format(Duration::from_secs(120)), "2m");
    }
}
