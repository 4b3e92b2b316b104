//! MessagePack with rmp-serde and rmpv, CBOR with ciborium.
use crate::described::{Record, bytes, float, int, time, unhex};
use crate::message_end::{Format, next_prefixed, prefixed};
use ciborium::Value as CborValue;
use lines::{Value, json};
use rmpv::Value as PackedValue;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use std::net::TcpStream;

pub struct MessagePack;
pub struct Cbor;

/// A float that may have been written as an integer: an `f64` of ciborium takes no integers, the visitor of any value does.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Number;
            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("a number")
            }
            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Reads and writes values of one format.
trait Serde: Send + Sync + 'static {
    type Any: DeserializeOwned + Serialize;
    fn from_bytes<T: DeserializeOwned>(frame: &[u8]) -> Result<T, String>;
    fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, String>;
    fn describe(value: &Self::Any) -> Value;
    fn made(described: &Value) -> Self::Any;
}

impl<S: Serde> Format for S {
    fn next(&self, stream: &mut TcpStream) -> Option<Vec<u8>> {
        next_prefixed(stream)
    }

    fn frame(&self, payload: Vec<u8>) -> Vec<u8> {
        prefixed(payload)
    }

    fn read(&self, kind: &str, frame: &[u8]) -> Result<(Value, Result<Vec<u8>, String>), String> {
        fn typed<S: Serde, T: DeserializeOwned + Serialize>(
            frame: &[u8],
            describe: impl Fn(&T) -> Value,
        ) -> Result<(Value, Result<Vec<u8>, String>), String> {
            let value = S::from_bytes::<T>(frame)?;
            Ok((describe(&value), S::to_bytes(&value)))
        }
        match kind {
            "int64" => typed::<S, i64>(frame, |value| int(value)),
            "uint64" => typed::<S, u64>(frame, |value| int(value)),
            "float64" => typed::<S, f64>(frame, |value| float(*value)),
            "record" => typed::<S, Record>(frame, Record::describe),
            "number" => {
                let Number(value) = S::from_bytes(frame)?;
                Ok((float(value), S::to_bytes(&value)))
            }
            _ => typed::<S, S::Any>(frame, S::describe),
        }
    }

    fn make(&self, _kind: &str, described: &Value) -> Result<Vec<u8>, String> {
        S::to_bytes(&S::made(described))
    }
}

impl Serde for MessagePack {
    type Any = PackedValue;

    fn from_bytes<T: DeserializeOwned>(frame: &[u8]) -> Result<T, String> {
        rmp_serde::from_slice(frame).map_err(|error| error.to_string())
    }

    fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
        rmp_serde::to_vec_named(value).map_err(|error| error.to_string())
    }

    fn describe(value: &PackedValue) -> Value {
        match value {
            PackedValue::Nil => Value::Null,
            PackedValue::Boolean(flag) => json!(flag),
            PackedValue::Integer(number) => int(number),
            PackedValue::F32(number) => float(f64::from(*number)),
            PackedValue::F64(number) => float(*number),
            PackedValue::String(text) => json!(text.as_str()),
            PackedValue::Binary(content) => bytes(content),
            PackedValue::Array(items) => items.iter().map(Self::describe).collect(),
            PackedValue::Map(entries) => {
                let entries = entries.iter().map(|(key, item)| json!([Self::describe(key), Self::describe(item)]));
                json!({ "map": entries.collect::<Vec<_>>() })
            }
            PackedValue::Ext(-1, content) => timestamp(content),
            PackedValue::Ext(kind, content) => json!({ "tag": kind, "value": bytes(content) }),
        }
    }

    fn made(described: &Value) -> PackedValue {
        match described {
            Value::Null => PackedValue::Nil,
            Value::Bool(flag) => (*flag).into(),
            Value::String(text) => text.as_str().into(),
            Value::Array(items) => PackedValue::Array(items.iter().map(Self::made).collect()),
            _ => match Form::of(described) {
                Form::Int(number) if number < 0 => (number as i64).into(),
                Form::Int(number) => (number as u64).into(),
                Form::Float(number) => number.into(),
                Form::Bytes(content) => PackedValue::Binary(content),
                // In 96 bits: the nanoseconds, then the seconds.
                Form::Time(nanos) => PackedValue::Ext(-1, {
                    let mut content = (nanos.rem_euclid(1_000_000_000) as u32).to_be_bytes().to_vec();
                    content.extend((nanos.div_euclid(1_000_000_000) as i64).to_be_bytes());
                    content
                }),
                Form::Map(entries) => PackedValue::Map(
                    entries.iter().map(|(key, item)| (Self::made(key), Self::made(item))).collect(),
                ),
                Form::Tag(..) => unreachable!("MessagePack has no tags"),
            },
        }
    }
}

/// The extension -1 of MessagePack, in its three sizes.
fn timestamp(content: &[u8]) -> Value {
    match content.len() {
        4 => time(u32::from_be_bytes(content.try_into().unwrap()).into(), 0),
        8 => {
            let both = u64::from_be_bytes(content.try_into().unwrap());
            time((both & 0x3_ffff_ffff).into(), (both >> 34).into())
        }
        _ => time(
            i64::from_be_bytes(content[4..].try_into().unwrap()).into(),
            u32::from_be_bytes(content[..4].try_into().unwrap()).into(),
        ),
    }
}

impl Serde for Cbor {
    type Any = CborValue;

    fn from_bytes<T: DeserializeOwned>(frame: &[u8]) -> Result<T, String> {
        ciborium::from_reader(frame).map_err(|error| error.to_string())
    }

    fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
        let mut payload = Vec::new();
        ciborium::into_writer(value, &mut payload).map_err(|error| error.to_string())?;
        Ok(payload)
    }

    fn describe(value: &CborValue) -> Value {
        match value {
            CborValue::Null => Value::Null,
            CborValue::Bool(flag) => json!(flag),
            CborValue::Integer(number) => int(i128::from(*number)),
            CborValue::Float(number) => float(*number),
            CborValue::Text(text) => json!(text),
            CborValue::Bytes(content) => bytes(content),
            CborValue::Array(items) => items.iter().map(Self::describe).collect(),
            CborValue::Map(entries) => {
                let entries = entries.iter().map(|(key, item)| json!([Self::describe(key), Self::describe(item)]));
                json!({ "map": entries.collect::<Vec<_>>() })
            }
            CborValue::Tag(1, content) => match **content {
                CborValue::Integer(seconds) => time(i128::from(seconds), 0),
                // A float has no more than some hundred nanoseconds of them.
                CborValue::Float(seconds) => time(0, (seconds * 1e6).round() as i128 * 1000),
                _ => json!("a time that is not a number"),
            },
            CborValue::Tag(number, content) => json!({ "tag": number, "value": Self::describe(content) }),
            other => json!(format!("{other:?}")),
        }
    }

    fn made(described: &Value) -> CborValue {
        match described {
            Value::Null => CborValue::Null,
            Value::Bool(flag) => (*flag).into(),
            Value::String(text) => text.as_str().into(),
            Value::Array(items) => CborValue::Array(items.iter().map(Self::made).collect()),
            _ => match Form::of(described) {
                // What is larger becomes a tag.
                Form::Int(number) => number.into(),
                Form::Float(number) => number.into(),
                Form::Bytes(content) => CborValue::Bytes(content),
                Form::Time(nanos) if nanos % 1_000_000_000 == 0 => {
                    CborValue::Tag(1, Box::new(CborValue::Integer((nanos / 1_000_000_000).try_into().unwrap())))
                }
                Form::Time(nanos) => CborValue::Tag(1, Box::new((nanos as f64 / 1e9).into())),
                Form::Map(entries) => CborValue::Map(
                    entries.iter().map(|(key, item)| (Self::made(key), Self::made(item))).collect(),
                ),
                Form::Tag(number, content) => CborValue::Tag(number, Box::new(Self::made(&content))),
            },
        }
    }
}

enum Form {
    Int(i128),
    Float(f64),
    Bytes(Vec<u8>),
    Time(i128),
    Map(Vec<(Value, Value)>),
    Tag(u64, Value),
}

impl Form {
    fn of(described: &Value) -> Form {
        let text = |form: &str| described[form].as_str().map(str::to_owned);
        if let Some(number) = text("int") {
            Form::Int(number.parse().unwrap())
        } else if let Some(bits) = text("float") {
            Form::Float(f64::from_bits(u64::from_str_radix(&bits, 16).unwrap()))
        } else if let Some(content) = text("bytes") {
            Form::Bytes(unhex(&content))
        } else if let Some(nanos) = text("time") {
            Form::Time(nanos.parse().unwrap())
        } else if let Some(number) = described["tag"].as_u64() {
            Form::Tag(number, described["value"].clone())
        } else {
            let entries = described["map"].as_array().expect("a description");
            Form::Map(entries.iter().map(|entry| (entry[0].clone(), entry[1].clone())).collect())
        }
    }
}
