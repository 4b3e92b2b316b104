//! tokio-util's LengthDelimitedCodec and LinesCodec, without sockets: bytes in, frames out, and the other way.
use crate::described::unhex;
use bytes::{Bytes, BytesMut};
use lines::{Value, json};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec, LinesCodec};

/// `decode` gives the codec the chunks one after the other and then the end of the stream; `encode` has it write frames.
/// Many of either come in one command, as `runs`.
pub fn serve() {
    lines::serve(|command, arguments| {
        let one: fn(&Value) -> Value = match command {
            "decode" => |run| match run["lines"].is_null() {
                true => decode(&mut length_delimited(&run["knobs"]), run, |frame| hex(&frame)),
                false => decode(&mut line_codec(run), run, |line| hex(line.as_bytes())),
            },
            "encode" => |run| match run["lines"].is_null() {
                true => encode(&mut length_delimited(&run["knobs"]), run, |bytes| Bytes::from(bytes)),
                false => encode(&mut line_codec(run), run, |bytes| String::from_utf8(bytes).unwrap()),
            },
            _ => return Err(format!("there is no command {command}")),
        };
        let runs = arguments["runs"].as_array().ok_or("there are no runs")?;
        Ok(json!({ "results": runs.iter().map(one).collect::<Vec<_>>() }))
    });
}

fn decode<D: Decoder>(codec: &mut D, run: &Value, show: impl Fn(D::Item) -> String) -> Value
where
    D::Error: std::fmt::Display,
{
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    let mut refused = Value::Null;
    let chunks = strings(&run["chunks"]);
    'all: for index in 0..=chunks.len() {
        if let Some(chunk) = chunks.get(index) {
            buffer.extend_from_slice(chunk);
        }
        loop {
            let next = if index < chunks.len() { codec.decode(&mut buffer) } else { codec.decode_eof(&mut buffer) };
            match next {
                Ok(Some(frame)) => frames.push(show(frame)),
                Ok(None) => break,
                Err(error) => {
                    refused = json!(error.to_string());
                    break 'all;
                }
            }
        }
    }
    json!({ "frames": frames, "refused": refused })
}

/// The bytes, up to the first frame that is refused.
fn encode<I, E: Encoder<I>>(codec: &mut E, run: &Value, make: impl Fn(Vec<u8>) -> I) -> Value
where
    E::Error: std::fmt::Display,
{
    let mut buffer = BytesMut::new();
    let mut refused = Vec::new();
    for frame in strings(&run["frames"]) {
        let result = codec.encode(make(frame), &mut buffer);
        refused.push(result.err().map(|error| error.to_string()));
    }
    json!({ "wire": hex(&buffer), "refused": refused })
}

fn length_delimited(knobs: &Value) -> LengthDelimitedCodec {
    let mut builder = LengthDelimitedCodec::builder();
    let number = |name: &str| knobs[name].as_i64();
    if let Some(value) = number("maxFrameLength") {
        builder.max_frame_length(value as usize);
    }
    if let Some(value) = number("lengthFieldOffset") {
        builder.length_field_offset(value as usize);
    }
    if let Some(value) = number("lengthFieldLength") {
        builder.length_field_length(value as usize);
    }
    if let Some(value) = number("lengthAdjustment") {
        builder.length_adjustment(value as isize);
    }
    if let Some(value) = number("numSkip") {
        builder.num_skip(value as usize);
    }
    if knobs["endianness"] == "little" {
        builder.little_endian();
    }
    builder.new_codec()
}

fn line_codec(run: &Value) -> LinesCodec {
    LinesCodec::new_with_max_length(run["lines"].as_u64().unwrap() as usize)
}

fn strings(list: &Value) -> Vec<Vec<u8>> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(unhex).collect()
}

fn hex(content: &[u8]) -> String {
    content.iter().map(|byte| format!("{byte:02x}")).collect()
}
