//! One side of Noise over TCP on the loopback, which then echoes; the commands are in tests/interop/noise/noise-end.ts.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use lines::{Value, json, say, serve};
use snow::{Builder, TransportState};

type Outcome<T> = Result<T, String>;

const LONGEST: usize = 65_535;

fn main() {
    serve(|command, settings| match command {
        "dial" => {
            let port = settings["port"].as_u64().unwrap_or(0) as u16;
            let stream = TcpStream::connect(("127.0.0.1", port)).map_err(text)?;
            shake(stream, settings, true)
        }
        "listen" => listen(settings),
        _ => Err(format!("there is no command {command}")),
    });
}

fn listen(settings: &Value) -> Outcome<Value> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
    let port = listener.local_addr().map_err(text)?.port();
    let settings = settings.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            match shake(stream, &settings, false) {
                Ok(fields) => say("shaken", fields),
                Err(error) => say("refused", json!({ "error": error })),
            }
        }
    });
    Ok(json!({ "port": port }))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn bytes_of(value: &Value) -> Vec<u8> {
    let hex = value.as_str().unwrap_or("");
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal"))
        .collect()
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn shake(mut stream: TcpStream, settings: &Value, initiator: bool) -> Outcome<Value> {
    let name = settings["protocol"].as_str().unwrap_or("");
    let prologue = bytes_of(&settings["prologue"]);
    let (key, remote, psk) =
        (bytes_of(&settings["key"]), bytes_of(&settings["remote"]), bytes_of(&settings["psk"]));
    let mut builder = Builder::new(name.parse().map_err(text)?).prologue(&prologue).map_err(text)?;
    if !key.is_empty() {
        builder = builder.local_private_key(&key).map_err(text)?;
    }
    if !remote.is_empty() {
        builder = builder.remote_public_key(&remote).map_err(text)?;
    }
    let psk: Option<[u8; 32]> = psk.try_into().ok();
    if let Some(psk) = &psk {
        let place = settings["pskPlace"].as_u64().unwrap_or(0) as u8;
        builder = builder.psk(place, psk).map_err(text)?;
    }
    let built = if initiator { builder.build_initiator() } else { builder.build_responder() };
    let mut state = built.map_err(text)?;
    let mut payloads = settings["payloads"].as_array().cloned().unwrap_or_default().into_iter();
    let mut received = Vec::new();
    let mut buffer = vec![0; LONGEST];
    while !state.is_handshake_finished() {
        if state.is_my_turn() {
            let payload = payloads.next().map(|one| bytes_of(&one)).unwrap_or_default();
            let length = state.write_message(&payload, &mut buffer).map_err(text)?;
            write_framed(&mut stream, &buffer[..length])?;
        } else {
            let message = read_framed(&mut stream)?;
            let length = state.read_message(&message, &mut buffer).map_err(text)?;
            received.push(hex_of(&buffer[..length]));
        }
    }
    let hash = hex_of(state.get_handshake_hash());
    let remote = hex_of(state.get_remote_static().unwrap_or(&[]));
    let mut echo = Echo {
        state: state.into_transport_mode().map_err(text)?,
        rekey_after: settings["rekeyAfter"].as_u64().unwrap_or(0),
        sent: 0,
        received: 0,
        buffer,
    };
    if settings["confirm"] == true {
        let sealed = echo.seal(&[])?;
        write_framed(&mut stream, &sealed)?;
    }
    std::thread::spawn(move || {
        while let Ok(sealed) = read_framed(&mut stream) {
            let reply = echo.open(&sealed).and_then(|plain| echo.seal(&plain));
            match reply {
                Ok(reply) if write_framed(&mut stream, &reply).is_ok() => {}
                Ok(_) => return,
                Err(error) => return say("refused", json!({ "error": error })),
            }
        }
    });
    Ok(json!({ "hash": hash, "remote": remote, "payloads": received }))
}

struct Echo {
    state: TransportState,
    rekey_after: u64,
    sent: u64,
    received: u64,
    buffer: Vec<u8>,
}

impl Echo {
    fn seal(&mut self, plain: &[u8]) -> Outcome<Vec<u8>> {
        let length = self.state.write_message(plain, &mut self.buffer).map_err(text)?;
        self.sent += 1;
        if self.rekey_after > 0 && self.sent % self.rekey_after == 0 {
            self.state.rekey_outgoing();
        }
        Ok(self.buffer[..length].to_vec())
    }

    fn open(&mut self, sealed: &[u8]) -> Outcome<Vec<u8>> {
        let length = self.state.read_message(sealed, &mut self.buffer).map_err(text)?;
        self.received += 1;
        if self.rekey_after > 0 && self.received % self.rekey_after == 0 {
            self.state.rekey_incoming();
        }
        Ok(self.buffer[..length].to_vec())
    }
}

fn read_framed(stream: &mut TcpStream) -> Outcome<Vec<u8>> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).map_err(text)?;
    let mut message = vec![0; u16::from_be_bytes(head) as usize];
    stream.read_exact(&mut message).map_err(text)?;
    Ok(message)
}

fn write_framed(stream: &mut TcpStream, message: &[u8]) -> Outcome<()> {
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    stream.write_all(&framed).map_err(text)
}
