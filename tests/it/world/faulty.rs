//! An HTTP proxy that fails as object stores and networks do, by a script: every request that is let through but not
//! acknowledged, refused, or never answered is one of a fixed cycle.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How long a late answer takes.
const LATE: Duration = Duration::from_secs(4);

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    None,
    /// 503, "slow down".
    Unavailable,
    /// 409, as S3 answers while another conditional create is under way.
    Conflict,
    /// Done, but the answer is lost.
    LostAnswer,
    /// Neither done nor answered, until the client gives up.
    Stall,
    /// Done, and answered after a while.
    Late,
}

/// A running proxy.
pub struct Faulty {
    pub address: String,
    plan: Arc<Plan>,
}

struct Plan {
    upstream: String,
    writes: Vec<Fault>,
    reads: Vec<Fault>,
    is_armed: AtomicBool,
    /// How often each fault came, by write or read.
    done: Mutex<BTreeMap<(bool, Fault), usize>>,
}

/// One HTTP/1.1 request with its whole body.
struct Request {
    is_write: bool,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Faulty {
    /// Starts it before `upstream`; it lets everything through until it is armed. It ends with the test binary.
    pub fn before(upstream: &str, writes: &[Fault], reads: &[Fault]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let plan = Arc::new(Plan {
            upstream: upstream.to_owned(),
            writes: writes.to_vec(),
            reads: reads.to_vec(),
            is_armed: AtomicBool::new(false),
            done: Mutex::default(),
        });
        let shared = plan.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, plan) = (client.unwrap(), shared.clone());
                // A client that hangs up in the middle has its reasons.
                thread::spawn(move || drop(plan.serve(client)));
            }
        });
        Self { address, plan }
    }

    /// From now on the script goes.
    pub fn arm(&self) {
        self.plan.is_armed.store(true, Ordering::SeqCst);
    }

    /// From now on all is well again.
    pub fn disarm(&self) {
        self.plan.is_armed.store(false, Ordering::SeqCst);
    }

    /// How often this came, on writes and on reads.
    pub fn count(&self, fault: Fault) -> (usize, usize) {
        let done = self.plan.done.lock().unwrap();
        let count = |is_write| done.get(&(is_write, fault)).copied().unwrap_or_default();
        (count(true), count(false))
    }
}

impl Plan {
    /// One request a connection.
    fn serve(&self, client: TcpStream) -> io::Result<()> {
        let Some(request) = Request::read(&client)? else {
            return Ok(());
        };
        match self.next(request.is_write) {
            Fault::None => answer(&client, &self.forward(&request)?),
            Fault::Late => {
                pause();
                answer(&client, &self.forward(&request)?)
            }
            Fault::LostAnswer => self.forward(&request).map(drop),
            Fault::Unavailable => answer(&client, &refusal("503 Slow Down", "SlowDown")),
            Fault::Conflict => answer(
                &client,
                &refusal("409 Conflict", "ConditionalRequestConflict"),
            ),
            Fault::Stall => {
                // Ends when the client hangs up.
                let _rest = (&client).read(&mut [0])?;
                Ok(())
            }
        }
    }

    fn next(&self, is_write: bool) -> Fault {
        if !self.is_armed.load(Ordering::SeqCst) {
            return Fault::None;
        }
        let script = if is_write { &self.writes } else { &self.reads };
        let mut done = self.done.lock().unwrap();
        let before = done.iter().filter(|((write, _), _)| *write == is_write);
        let before: usize = before.map(|(_, count)| count).sum();
        let fault = script[before % script.len()];
        *done.entry((is_write, fault)).or_default() += 1;
        fault
    }

    fn forward(&self, request: &Request) -> io::Result<Vec<u8>> {
        let mut upstream = TcpStream::connect(&self.upstream)?;
        upstream.write_all(&request.head)?;
        upstream.write_all(&request.body)?;
        let mut answer = Vec::new();
        upstream.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a store that is slow; nothing is synchronised by it"
)]
fn pause() {
    thread::sleep(LATE);
}

fn answer(mut client: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    client.write_all(bytes)?;
    client.shutdown(Shutdown::Write)
}

fn refusal(status: &str, code: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code></Error>");
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

impl Request {
    /// Nothing where the client hangs up before it asks.
    fn read(client: &TcpStream) -> io::Result<Option<Self>> {
        let mut reader = BufReader::new(client);
        let mut head = Vec::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            if line == "\r\n" {
                break;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            assert!(!lower.starts_with("transfer-encoding:"), "{line}");
            if !lower.starts_with("connection:") {
                head.extend_from_slice(line.as_bytes());
            }
        }
        head.extend_from_slice(b"Connection: close\r\n\r\n");
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(Some(Self {
            is_write: head.starts_with(b"PUT "),
            head,
            body,
        }))
    }
}
