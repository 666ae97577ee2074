//! A TCP connection that can become half-open: what stands between stops forwarding, and closes nothing.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

/// A running relay. It ends with the test binary.
pub struct Relay {
    pub port: u16,
    valve: Arc<Valve>,
}

#[derive(Default)]
struct Valve {
    is_shut: Mutex<bool>,
    changed: Condvar,
}

impl Relay {
    /// Before a port of this machine.
    pub fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let valve = Arc::new(Valve::default());
        let shared = valve.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, valve) = (client.unwrap(), shared.clone());
                // A client or a server that hangs up has its reasons.
                thread::spawn(move || drop(join(client, port, &valve)));
            }
        });
        Self { port: own, valve }
    }

    /// Nothing is forwarded any more, in no direction, and nothing is closed.
    pub fn stall(&self) {
        *self.valve.is_shut.lock().unwrap() = true;
    }

    /// It goes on.
    pub fn go_on(&self) {
        *self.valve.is_shut.lock().unwrap() = false;
        self.valve.changed.notify_all();
    }
}

impl Valve {
    fn pass(&self) {
        let shut = self.is_shut.lock().unwrap();
        drop(self.changed.wait_while(shut, |is_shut| *is_shut).unwrap());
    }
}

fn join(client: TcpStream, port: u16, valve: &Arc<Valve>) -> io::Result<()> {
    valve.pass();
    let server = TcpStream::connect(("127.0.0.1", port))?;
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    let other = valve.clone();
    thread::spawn(move || drop(forward(from, to, &other)));
    forward(server, client, valve)
}

fn forward(mut from: TcpStream, mut to: TcpStream, valve: &Valve) -> io::Result<()> {
    let mut bytes = [0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes)?;
        valve.pass();
        if read == 0 {
            return to.shutdown(std::net::Shutdown::Write);
        }
        to.write_all(&bytes[..read])?;
    }
}
