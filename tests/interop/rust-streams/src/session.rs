// Included once for each version of the crate, under the name `yamux`.
use std::collections::VecDeque;
use std::task::Poll;

use crate::end::{Ask, Inbound, Io};
use futures::future::{BoxFuture, poll_fn};
use tokio::sync::{mpsc, oneshot};
use yamux::{Config, Connection, Mode};

/// Drives a session until it is over: the crate does nothing unless it is polled.
pub fn start(io: Io, client: bool, mut asks: mpsc::Receiver<Ask>, inbound: Inbound) -> BoxFuture<'static, String> {
    let mode = if client { Mode::Client } else { Mode::Server };
    let mut connection = Connection::new(io, Config::default(), mode);
    let mut opens = VecDeque::<oneshot::Sender<Result<Io, String>>>::new();
    let mut closes = false;
    Box::pin(poll_fn(move |cx| {
        loop {
            while let Poll::Ready(Some(ask)) = asks.poll_recv(cx) {
                match ask {
                    Ask::Open(reply) => opens.push_back(reply),
                    Ask::Close => closes = true,
                }
            }
            if closes {
                return connection.poll_close(cx).map(|result| format!("{result:?}"));
            }
            if !opens.is_empty()
                && let Poll::Ready(opened) = connection.poll_new_outbound(cx)
            {
                let reply = opens.pop_front().expect("there is one");
                let _ = reply.send(match opened {
                    Ok(stream) => Ok(Box::pin(stream)),
                    Err(error) => Err(error.to_string()),
                });
                continue;
            }
            match connection.poll_next_inbound(cx) {
                Poll::Ready(Some(Ok(stream))) => inbound(Box::pin(stream)),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(error.to_string()),
                Poll::Ready(None) => return Poll::Ready("closed".into()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }))
}
