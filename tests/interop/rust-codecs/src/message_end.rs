//! The commands of tests/interop/messages/message-end.ts: reads each frame as a value of a type, says what it has read, and
//! sends the value back, written anew.
use lines::{Value, json, say};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub trait Format: Send + Sync + 'static {
    /// The next frame, without its length; `None` at the end of the stream.
    fn next(&self, stream: &mut TcpStream) -> Option<Vec<u8>>;
    fn frame(&self, payload: Vec<u8>) -> Vec<u8>;
    /// What the frame holds, and the same written anew.
    fn read(&self, kind: &str, frame: &[u8]) -> Result<(Value, Result<Vec<u8>, String>), String>;
    /// The payload of a value that is described.
    fn make(&self, kind: &str, described: &Value) -> Result<Vec<u8>, String>;
}

/// A length of four bytes, big endian.
pub fn next_prefixed(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).ok()?;
    let mut payload = vec![0; u32::from_be_bytes(head) as usize];
    stream.read_exact(&mut payload).ok()?;
    Some(payload)
}

pub fn prefixed(payload: Vec<u8>) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes().to_vec();
    frame.extend(payload);
    frame
}

struct End<F> {
    format: F,
    stream: Mutex<Option<TcpStream>>,
}

pub fn serve<F: Format>(format: F) {
    let end = Arc::new(End { format, stream: Mutex::new(None) });
    lines::serve(move |command, arguments| {
        let kind = arguments["as"].as_str().unwrap_or("any").to_owned();
        match command {
            "listen" => {
                let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
                let port = listener.local_addr().map_err(|error| error.to_string())?.port();
                let end = end.clone();
                std::thread::spawn(move || {
                    for stream in listener.incoming().flatten() {
                        end.clone().begin(stream, kind.clone());
                    }
                });
                Ok(json!({ "port": port }))
            }
            "dial" => {
                let port = arguments["port"].as_u64().unwrap_or(0) as u16;
                let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
                end.clone().begin(stream, kind);
                Ok(Value::Null)
            }
            "send" => {
                for value in arguments["values"].as_array().into_iter().flatten() {
                    let payload = end.format.make(&kind, value)?;
                    end.send(payload)?;
                }
                Ok(Value::Null)
            }
            _ => Err(format!("there is no command {command}")),
        }
    });
}

impl<F: Format> End<F> {
    fn begin(self: Arc<Self>, mut stream: TcpStream, kind: String) {
        *self.stream.lock().unwrap() = stream.try_clone().ok();
        say("connected", json!({}));
        std::thread::spawn(move || {
            while let Some(frame) = self.format.next(&mut stream) {
                match self.format.read(&kind, &frame) {
                    Err(error) => say("refused", json!({ "error": error })),
                    Ok((value, written)) => {
                        say("value", json!({ "value": value }));
                        if let Err(error) = written.and_then(|payload| self.send(payload)) {
                            say("unsendable", json!({ "error": error }));
                        }
                    }
                }
            }
        });
    }

    fn send(&self, payload: Vec<u8>) -> Result<(), String> {
        let mut stream = self.stream.lock().unwrap();
        let stream = stream.as_mut().ok_or("there is no connection")?;
        stream.write_all(&self.format.frame(payload)).map_err(|error| error.to_string())
    }
}
