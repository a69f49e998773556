//! JSON as tokens and keys may carry it.
//!
//! RFC 7515 section 4, RFC 7517 section 4 and RFC 7519 section 4 let a parser
//! either refuse duplicate members or take the last one. Taking one is how two
//! programs come to read the same token differently, so a duplicate is refused
//! here, at any depth. Depth itself is bounded by `serde_json` (128 levels),
//! and a number that a double cannot hold is an error.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value, value::RawValue};

/// Reads one JSON object and nothing after it. `None` when the bytes are not
/// UTF-8, not JSON, not an object, or hold a member twice.
pub(crate) fn parse_object(bytes: &[u8]) -> Option<Map<String, Value>> {
    let Strict(value) = serde_json::from_slice(bytes).ok()?;
    match value {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// The items of the one array called `name` in a JSON object, each as it
/// stands. The object's other members are ignored.
///
/// By hand, because what serde derives can say in prose what it has found
/// instead, which takes a fifth of a WebAssembly module.
pub(crate) fn array_in_object<'a>(bytes: &'a [u8], name: &str) -> Option<Vec<&'a RawValue>> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let items = deserializer.deserialize_any(NamedArray(name)).ok()?;
    deserializer.end().ok()?;
    items
}

/// The methods of a visitor that wants none of the scalars.
macro_rules! refuse_scalars {
    () => {
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Err(E::custom("null"))
        }

        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Err(E::custom("a boolean"))
        }

        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Err(E::custom("a number"))
        }

        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(E::custom("a number"))
        }

        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Err(E::custom("a number"))
        }

        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            Err(E::custom("a string"))
        }
    };
}

/// An object with the array of this name.
struct NamedArray<'a>(&'a str);

impl<'de> Visitor<'de> for NamedArray<'_> {
    type Value = Option<Vec<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    refuse_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = members.next_key::<String>()? {
            if name != self.0 {
                members.next_value::<IgnoredAny>()?;
            } else if found.replace(members.next_value_seed(RawArray)?).is_some() {
                return Err(A::Error::custom("a member occurs twice"));
            }
        }
        Ok(found)
    }
}

/// An array of anything.
struct RawArray;

impl<'de> DeserializeSeed<'de> for RawArray {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RawArray {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    refuse_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(array)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("an object"))
    }
}

/// A JSON value without duplicate members.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StrictValue.deserialize(deserializer).map(Self)
    }
}

struct StrictValue;

impl<'de> DeserializeSeed<'de> for StrictValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value without duplicate members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(StrictValue)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(StrictValue)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member occurs twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{array_in_object, parse_object};

    #[test]
    fn reads_an_object_as_it_stands() {
        let members = parse_object(br#" {"a":[1,-2,0.5,true,null,{"b":"c"}],"d":{}} "#);
        assert_eq!(
            members.map(serde_json::Value::Object),
            Some(json!({"a": [1, -2, 0.5, true, null, {"b": "c"}], "d": {}}))
        );
    }

    #[test]
    fn refuses_what_is_not_one_object() {
        for text in [
            "",
            "null",
            "1",
            "\"a\"",
            "[]",
            "{}{}",
            "{} x",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":NaN}",
            "{\"a\":1e400}",
            "\u{feff}{}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\u{1}\"}",
            "{/**/}",
        ] {
            assert!(parse_object(text.as_bytes()).is_none(), "{text:?}");
        }
        assert!(parse_object(b"{\"a\":\"\xff\"}").is_none());
    }

    #[test]
    fn refuses_duplicates_at_any_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"alg":1,"al\u0067":2}"#,
            r#"{"a":[{"b":{"c":1,"c":2}}]}"#,
        ] {
            assert!(parse_object(text.as_bytes()).is_none(), "{text}");
        }
        assert!(parse_object(br#"{"a":1,"A":1,"b":{"a":1}}"#).is_some());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_object(nested(100).as_bytes()).is_some());
        assert!(parse_object(nested(100_000).as_bytes()).is_none());
    }

    #[test]
    fn an_array_is_found_by_its_name() {
        let items = |text: &str| {
            let items = array_in_object(text.as_bytes(), "keys")?;
            Some(
                items
                    .iter()
                    .map(|item| item.get().to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(items(r#"{"keys":[]}"#), Some(vec![]));
        assert_eq!(
            items(r#" {"a":{"keys":1,"keys":2},"keys":[{"b":1,"b":2}, 7,null],"a":[]} "#),
            Some(vec![
                r#"{"b":1,"b":2}"#.to_owned(),
                "7".to_owned(),
                "null".to_owned()
            ])
        );
        for text in [
            "",
            "null",
            "true",
            "1",
            "-1",
            "1.5",
            "\"keys\"",
            "[]",
            r#"[{"keys":[]}]"#,
            "{}",
            r#"{"Keys":[]}"#,
            r#"{"keys":[],"keys":[]}"#,
            r#"{"keys":[],"k\u0065ys":[]}"#,
            r#"{"keys":null}"#,
            r#"{"keys":true}"#,
            r#"{"keys":1}"#,
            r#"{"keys":-1}"#,
            r#"{"keys":1.5}"#,
            r#"{"keys":"x"}"#,
            r#"{"keys":{}}"#,
            r#"{"keys":[}"#,
            r#"{"keys":[]}x"#,
        ] {
            assert_eq!(items(text), None, "{text}");
        }
    }
}
