use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, identify, noise, ping, tcp, yamux};
use libp2p_stream::Control;
use lines::{json, say};
use tokio::sync::{Notify, mpsc, oneshot};

#[derive(NetworkBehaviour)]
struct Behaviour {
    ping: ping::Behaviour,
    identify: identify::Behaviour,
    stream: libp2p_stream::Behaviour,
}

type Reply = oneshot::Sender<Result<(), String>>;

enum Ask {
    Dial(Multiaddr, PeerId, Reply),
    HangUp(Reply),
}

/// What the swarm has told so far.
#[derive(Default)]
struct Known {
    address: Option<Multiaddr>,
    pinged: HashMap<PeerId, Duration>,
    identified: HashMap<PeerId, identify::Info>,
}

/// A swarm that is driven by a task of its own.
pub struct Node {
    pub id: PeerId,
    pub control: Control,
    asks: mpsc::Sender<Ask>,
    known: Arc<Mutex<Known>>,
    news: Arc<Notify>,
}

impl Node {
    pub async fn start() -> Node {
        let mut swarm = libp2p::SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .expect("noise works")
            .with_behaviour(|key| Behaviour {
                ping: ping::Behaviour::new(ping::Config::new().with_interval(Duration::from_millis(200))),
                identify: identify::Behaviour::new(identify::Config::new("/interop/1.0.0".into(), key.public())),
                stream: libp2p_stream::Behaviour::new(),
            })
            .expect("the behaviour is made")
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
            .build();
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("an address")).expect("it listens");
        let (asks, asked) = mpsc::channel(16);
        let node = Node {
            id: *swarm.local_peer_id(),
            control: swarm.behaviour().stream.new_control(),
            asks,
            known: Arc::default(),
            news: Arc::default(),
        };
        tokio::spawn(drive(swarm, asked, node.known.clone(), node.news.clone()));
        node
    }

    pub async fn dial(&self, address: Multiaddr, peer: PeerId) -> Result<(), String> {
        self.ask(|reply| Ask::Dial(address, peer, reply)).await
    }

    pub async fn hang_up(&self) -> Result<(), String> {
        self.ask(Ask::HangUp).await
    }

    pub async fn address(&self) -> Multiaddr {
        self.wait(|known| known.address.clone()).await
    }

    pub async fn pinged(&self, peer: PeerId) -> Duration {
        self.wait(|known| known.pinged.get(&peer).copied()).await
    }

    pub async fn identified(&self, peer: PeerId) -> identify::Info {
        self.wait(|known| known.identified.get(&peer).cloned()).await
    }

    async fn ask(&self, ask: impl FnOnce(Reply) -> Ask) -> Result<(), String> {
        let (reply, replied) = oneshot::channel();
        self.asks.send(ask(reply)).await.map_err(|error| error.to_string())?;
        replied.await.map_err(|error| error.to_string())?
    }

    async fn wait<T>(&self, find: impl Fn(&Known) -> Option<T>) -> T {
        loop {
            let news = self.news.notified();
            if let Some(found) = find(&self.known.lock().expect("nobody panics")) {
                return found;
            }
            // Something may have been told since: nothing is lost by looking again.
            let _ = tokio::time::timeout(Duration::from_millis(50), news).await;
        }
    }
}

async fn drive(
    mut swarm: Swarm<Behaviour>,
    mut asked: mpsc::Receiver<Ask>,
    known: Arc<Mutex<Known>>,
    news: Arc<Notify>,
) {
    let mut dials = HashMap::<ConnectionId, Reply>::new();
    loop {
        tokio::select! {
            Some(ask) = asked.recv() => match ask {
                Ask::Dial(_, peer, reply) if swarm.is_connected(&peer) => {
                    let _ = reply.send(Ok(()));
                }
                Ask::Dial(address, peer, reply) => {
                    let dial = DialOpts::peer_id(peer).addresses(vec![address]).build();
                    let id = dial.connection_id();
                    match swarm.dial(dial) {
                        Ok(()) => {
                            dials.insert(id, reply);
                        }
                        Err(error) => {
                            let _ = reply.send(Err(error.to_string()));
                        }
                    }
                }
                Ask::HangUp(reply) => {
                    let peers: Vec<PeerId> = swarm.connected_peers().copied().collect();
                    for peer in peers {
                        let _ = swarm.disconnect_peer_id(peer);
                    }
                    let _ = reply.send(Ok(()));
                }
            },
            event = swarm.select_next_some() => {
                let mut known = known.lock().expect("nobody panics");
                match event {
                    SwarmEvent::NewListenAddr { address, .. } => known.address = Some(address),
                    SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                        say("open", json!({ "peerId": peer_id.to_string() }));
                        if let Some(reply) = dials.remove(&connection_id) {
                            let _ = reply.send(Ok(()));
                        }
                    }
                    SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                        if let Some(reply) = dials.remove(&connection_id) {
                            let _ = reply.send(Err(error.to_string()));
                        }
                    }
                    SwarmEvent::ConnectionClosed { peer_id, .. } => {
                        known.pinged.remove(&peer_id);
                        known.identified.remove(&peer_id);
                        say("close", json!({ "peerId": peer_id.to_string() }));
                    }
                    SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { peer, result: Ok(took), .. })) => {
                        known.pinged.insert(peer, took);
                    }
                    SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                        known.identified.insert(peer_id, info);
                    }
                    _ => {}
                }
                news.notify_waiters();
            }
        }
    }
}
