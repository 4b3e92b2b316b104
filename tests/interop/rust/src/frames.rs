//! Messages with their length in front, in four bytes, big endian: as they are, or inside a Noise channel.
use std::{io, sync::Arc};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

use crate::noise::{Channel, LENGTH_BYTES, MAX_PLAINTEXT};

/// One direction of one connection.
pub struct Frames {
    messages: LengthDelimitedCodec,
    secret: Option<Secret>,
}

struct Secret {
    channel: Arc<Channel>,
    /// Of the next Noise message in this direction.
    nonce: u64,
    /// What was decrypted and is no whole message yet.
    plain: BytesMut,
}

impl Frames {
    pub fn new(channel: Option<Arc<Channel>>) -> Self {
        Self {
            messages: LengthDelimitedCodec::new(),
            secret: channel.map(|channel| Secret {
                channel,
                nonce: 0,
                plain: BytesMut::new(),
            }),
        }
    }
}

impl Decoder for Frames {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, source: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        let Some(secret) = &mut self.secret else {
            return self.messages.decode(source);
        };
        while let Some(message) = next_noise_message(source) {
            let plain = secret.channel.decrypt(secret.nonce, &message)?;
            secret.nonce += 1;
            secret.plain.extend_from_slice(&plain);
        }
        self.messages.decode(&mut secret.plain)
    }
}

impl Encoder<Bytes> for Frames {
    type Error = io::Error;

    fn encode(&mut self, message: Bytes, output: &mut BytesMut) -> io::Result<()> {
        let Some(secret) = &mut self.secret else {
            return self.messages.encode(message, output);
        };
        let mut plain = BytesMut::new();
        self.messages.encode(message, &mut plain)?;
        for part in plain.chunks(MAX_PLAINTEXT) {
            let encrypted = secret.channel.encrypt(secret.nonce, part)?;
            secret.nonce += 1;
            output.put_u16(encrypted.len() as u16);
            output.extend_from_slice(&encrypted);
        }
        Ok(())
    }
}

/// Cuts the next whole Noise message off the front, without its length.
fn next_noise_message(source: &mut BytesMut) -> Option<BytesMut> {
    let length = usize::from(source.get(..LENGTH_BYTES)?.get_u16());
    if source.len() < LENGTH_BYTES + length {
        return None;
    }
    source.advance(LENGTH_BYTES);
    Some(source.split_to(length))
}
