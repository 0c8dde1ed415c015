//! A road of TCP to a database: it can be cut, held, and made to lose one answer.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::cluster::ROLE;
use crate::database::Database;
use crate::error::Error;

/// A road to one database, open at first. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    database: Database,
    road: Arc<Road>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Road {
    state: watch::Sender<State>,
    /// The answer with these bytes is kept back, and its connection falls.
    lost_answer: Mutex<Option<Vec<u8>>>,
    /// The same of a request, which the server never sees.
    lost_request: Mutex<Option<Vec<u8>>>,
    connections: AtomicUsize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    mode: Mode,
    /// Connections of an older one fall.
    generation: u64,
    /// Connections that were let in before this many are swallowed: no byte passes, and nothing falls.
    silent_before: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Held,
    Cut,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Proxy {
    /// A road to a database.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn to(database: &Database) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.map_err(Error::io("listening on 127.0.0.1"))?;
        let address = listener
            .local_addr()
            .map_err(Error::io("reading an address"))?;
        let state = State {
            mode: Mode::Open,
            generation: 0,
            silent_before: 0,
        };
        let road = Arc::new(Road {
            state: watch::Sender::new(state),
            lost_answer: Mutex::default(),
            lost_request: Mutex::default(),
            connections: AtomicUsize::new(0),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&road), database.socket()));
        Ok(Self {
            address,
            database: database.clone(),
            road,
            serving,
        })
    }

    /// The database's URL over this road, as the superuser.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(ROLE)
    }

    /// The same as `user` (or `user:password`).
    #[must_use]
    pub fn url_of(&self, user: &str) -> String {
        let (address, name) = (self.address, self.database.name());
        format!("postgres://{user}@{address}/{name}?sslmode=disable")
    }

    /// Every connection falls; new ones fall at once.
    pub fn cut(&self) {
        self.drop_connections();
        self.turn(Mode::Cut);
    }

    /// No byte passes, in either direction; nothing falls.
    pub fn hold(&self) {
        self.turn(Mode::Held);
    }

    /// The road is open again: held bytes go on.
    pub fn restore(&self) {
        self.turn(Mode::Open);
    }

    /// Every connection falls; new ones are let in.
    pub fn drop_connections(&self) {
        self.road.state.send_modify(|state| state.generation += 1);
    }

    /// The connections of now are dead for ever and do not know it; new ones are let in.
    pub fn silence(&self) {
        let count = self.connections();
        self.road
            .state
            .send_modify(|state| state.silent_before = count);
    }

    /// The next answer with this text in it is kept back, and its connection falls: the server has done its part.
    /// `COMMIT` and `INSERT 0 1` are what a server says after these.
    pub fn lose_answer(&self, text: &str) {
        *lock(&self.road.lost_answer) = Some(text.as_bytes().to_vec());
    }

    /// The next request with this text in it is kept back, and its connection falls: the server never sees it.
    pub fn lose_request(&self, text: &str) {
        *lock(&self.road.lost_request) = Some(text.as_bytes().to_vec());
    }

    /// Whether an answer or a request that is to be lost is still waited for.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        lock(&self.road.lost_answer).is_some() || lock(&self.road.lost_request).is_some()
    }

    /// How many connections were ever let in.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.road.connections.load(Ordering::SeqCst)
    }

    fn turn(&self, mode: Mode) {
        self.road.state.send_modify(|state| state.mode = mode);
    }
}

async fn serve(listener: TcpListener, road: Arc<Road>, socket: PathBuf) {
    let mut carried = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        if road.state.borrow().mode != Mode::Cut {
            let number = road.connections.fetch_add(1, Ordering::SeqCst);
            carried.spawn(carry(near, socket.clone(), Arc::clone(&road), number));
        }
        while carried.try_join_next().is_some() {}
    }
}

async fn carry(near: TcpStream, socket: PathBuf, road: Arc<Road>, number: usize) {
    let generation = road.state.borrow().generation;
    let Ok(far) = UnixStream::connect(socket).await else {
        return;
    };
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    let mut fallen = road.state.subscribe();
    tokio::select! {
        () = pump(from_near, to_far, &road, &road.lost_request, number) => {}
        () = pump(from_far, to_near, &road, &road.lost_answer, number) => {}
        _ = fallen.wait_for(|now| now.mode == Mode::Cut || now.generation != generation) => {}
    }
}

/// Carries one direction until it ends, or meets the bytes that are to be lost.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    road: &Road,
    lost: &Mutex<Option<Vec<u8>>>,
    number: usize,
) {
    let mut state = road.state.subscribe();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..read];
        if number < state.borrow().silent_before {
            continue;
        }
        if is_lost(bytes, lost) {
            return;
        }
        if state.wait_for(|now| now.mode == Mode::Open).await.is_err() {
            return;
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

fn is_lost(bytes: &[u8], lost: &Mutex<Option<Vec<u8>>>) -> bool {
    let mut lost = lock(lost);
    let met = lost
        .as_ref()
        .is_some_and(|text| bytes.windows(text.len()).any(|part| part == text));
    if met {
        lost.take();
    }
    met
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
