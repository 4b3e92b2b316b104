//! Round trips: `echo` and `ask <port>`, told what to do as every other contestant is (`../../harness/stopwatch.mjs` holds
//! the words).
use std::{
    io::{self, BufRead},
    net::SocketAddr,
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use pea2pea::{
    Config, Connection, ConnectionSide, Node, Pea2Pea,
    protocols::{Handshake, Reading, Writing},
};
use tokio::{runtime::Runtime, sync::mpsc};
use tokio_util::codec::LengthDelimitedCodec;

use crate::{FILL, command};

/// Sends back what it is sent, or tells who waits for it.
#[derive(Clone)]
struct Talker {
    node: Node,
    answers: Option<mpsc::UnboundedSender<()>>,
}

impl Pea2Pea for Talker {
    fn node(&self) -> &Node {
        &self.node
    }
}

no_delay!(Talker);

impl Reading for Talker {
    // A contestant waits while the others have their turn.
    const IDLE_TIMEOUT_MS: u64 = 0;
    type Message = BytesMut;
    type Codec = LengthDelimitedCodec;

    fn codec(&self, _: SocketAddr, _: ConnectionSide) -> Self::Codec {
        LengthDelimitedCodec::new()
    }

    async fn process_message(&self, source: SocketAddr, message: Self::Message) {
        match &self.answers {
            Some(answers) => answers.send(()).expect("somebody waits"),
            None => self
                .unicast_fast(source, message.freeze())
                .expect("one message at a time fits"),
        }
    }
}

impl Writing for Talker {
    type Message = Bytes;
    type Codec = LengthDelimitedCodec;

    fn codec(&self, _: SocketAddr, _: ConnectionSide) -> Self::Codec {
        LengthDelimitedCodec::new()
    }
}

impl Talker {
    async fn new(
        listener_addr: Option<SocketAddr>,
        answers: Option<mpsc::UnboundedSender<()>>,
    ) -> Self {
        let config = Config {
            listener_addr,
            ..Config::default()
        };
        let talker = Talker {
            node: Node::new(config),
            answers,
        };
        talker.enable_handshake().await;
        talker.enable_reading().await;
        talker.enable_writing().await;
        talker
    }
}

pub fn echo(runtime: &Runtime) -> io::Result<()> {
    let talker = runtime.block_on(async {
        let talker = Talker::new(Some(([127, 0, 0, 1], 0).into()), None).await;
        let address = talker.node.toggle_listener().await?;
        println!("listening {}", address.expect("it was switched on").port());
        io::Result::Ok(talker)
    })?;
    // It echoes until stdin ends.
    io::stdin().lock().lines().for_each(drop);
    drop(talker);
    Ok(())
}

pub fn ask(runtime: &Runtime, port: usize) -> io::Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], port as u16));
    let (answers, mut answered) = mpsc::unbounded_channel();
    let talker = runtime.block_on(async {
        let talker = Talker::new(None, Some(answers)).await;
        talker.node.connect(address).await?;
        io::Result::Ok(talker)
    })?;
    println!("ready");
    for line in io::stdin().lock().lines() {
        let [size, times] = command(&line?, "time");
        let payload = Bytes::from(vec![FILL; size]);
        let mut nanos = runtime.block_on(async {
            let mut nanos = Vec::with_capacity(times);
            for _ in 0..times {
                let begin = Instant::now();
                talker.unicast_fast(address, payload.clone())?;
                answered.recv().await.expect("the talker lives");
                nanos.push(begin.elapsed().as_nanos());
            }
            io::Result::Ok(nanos)
        })?;
        nanos.sort_unstable();
        let quantile = |part: f64| nanos[(part * (nanos.len() - 1) as f64).round() as usize];
        println!(
            "timed {} {} {}",
            quantile(0.5),
            quantile(0.99),
            quantile(0.999)
        );
    }
    Ok(())
}
