//! `demograph top`: the page's twin in a terminal.
//!
//! Promises: it knows the API and nothing else of demograph, so it shows released values only. What comes from the instance
//! cannot steer the terminal.

mod access;
mod answers;
mod choice;
mod client;
mod screen;
mod terminal;
mod words;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};

use access::{Access, without_login};
use answers::{Picture, Source};
use choice::{Choice, Next};
use client::{Asked, Client};
use screen::{State, once, screen};
use terminal::{Input, Terminal};

/// How often the instance is asked.
const EVERY: Duration = Duration::from_secs(2);
/// How long a key is waited for before a new picture is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// An instance that says nothing new for so long stands still.
const SILENCE: Duration = Duration::from_secs(15);
/// Sources of one snapshot without a terminal.
const LIMIT: usize = 1_000;

/// What the command line says.
pub struct Settings {
    /// The address of an instance, such as `http://127.0.0.1:9464`.
    pub url: String,
    /// PEM: who signs its certificate, instead of those whom this machine trusts.
    pub ca: Option<PathBuf>,
    /// A file with a bearer token.
    pub token_file: Option<PathBuf>,
    /// Only sources whose name holds this text.
    pub search: String,
    /// One snapshot, also in a terminal.
    pub once: bool,
    /// The answers of the API as they are.
    pub json: bool,
}

/// Shows the instance until the person quits; one snapshot without a terminal.
pub fn run(settings: Settings) -> anyhow::Result<()> {
    let client = Client::new(Access::new(&settings)?)?;
    let asked = Asked {
        search: settings.search.clone(),
        offset: 0,
        limit: LIMIT,
    };
    if settings.json {
        println!("{:#}", client.json(&asked)?);
        return Ok(());
    }
    let mut state = State {
        url: without_login(&settings.url),
        choice: Choice {
            search: settings.search,
            ..Choice::default()
        },
        ..State::default()
    };
    if settings.once || !terminal::is_there() {
        state.picture = client.picture(&asked)?;
        state.has_answered = true;
        print!("{}", once(&state));
        return Ok(());
    }
    watch(state, client)
}

fn watch(mut state: State, client: Client) -> anyhow::Result<()> {
    let is_ended = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, is_ended.clone()).context("listen to signals")?;
    }
    let _terminal = Terminal::open()?;
    let mut size = Terminal::size()?;
    let wish = Wish::default();
    let (wake, woken) = bounded(1);
    let (answer, answers) = bounded(1);
    let ask = |asked| {
        wish.put(asked);
        // Where it is full, the thread will look anyway.
        let _full = wake.try_send(());
    };
    // It may wait for an answer at the end: nothing is lost with it.
    thread::Builder::new()
        .name("top".into())
        .spawn({
            let (wish, is_ended) = (wish.clone(), is_ended.clone());
            move || poll(&client, &wish, &woken, &answer, &is_ended)
        })
        .context("start a thread")?;
    let mut changed = now();
    ask(state.choice.asked(size.list()));
    Terminal::draw(&screen(&state, size))?;
    while !is_ended.load(Ordering::Relaxed) {
        let next = match Terminal::input(LOOK)? {
            Input::Key(key) => {
                let state = &mut state;
                state.choice.press(key, &state.picture, size.list())
            }
            Input::Resized => {
                size = Terminal::size()?;
                state.choice.row = state.choice.row.min(size.list() - 1);
                Next::Ask
            }
            Input::Nothing if answers.is_empty() => continue,
            Input::Nothing => Next::Draw,
        };
        match next {
            Next::Quit => break,
            Next::Ask => ask(state.choice.asked(size.list())),
            Next::Draw => {}
        }
        for answer in answers.try_iter() {
            take(&mut state, answer, &mut changed);
        }
        Terminal::draw(&screen(&state, size))?;
    }
    Ok(())
}

/// An answer to what was asked before the last key is shown too: the next one follows at once.
fn take(state: &mut State, answer: anyhow::Result<Picture>, changed: &mut Instant) {
    match answer {
        Ok(picture) => {
            if picture.live.at != state.picture.live.at || state.trouble.is_some() {
                *changed = now();
            }
            let silence = changed.elapsed();
            let is_silent = silence > SILENCE && !picture.is_of_tables();
            state.silent = is_silent.then_some(silence.as_secs());
            (state.picture, state.trouble, state.has_answered) = (picture, None, true);
        }
        Err(error) => state.trouble = Some(format!("{:#}", error.root_cause())),
    }
}

/// What is wanted last.
#[derive(Clone, Default)]
struct Wish(Arc<Mutex<Asked>>);

impl Wish {
    fn put(&self, asked: Asked) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = asked;
    }

    fn get(&self) -> Asked {
        let wish = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wish.clone()
    }
}

/// Asks again and again, at once where something else is wanted, until nobody listens.
fn poll(
    client: &Client,
    wish: &Wish,
    woken: &Receiver<()>,
    answer: &Sender<anyhow::Result<Picture>>,
    is_ended: &AtomicBool,
) {
    while woken.recv_timeout(EVERY) != Err(RecvTimeoutError::Disconnected) {
        let mut picture = client.picture(&wish.get());
        loop {
            // crossterm reads for ever from a terminal that is gone, so that nobody there takes a picture or sees a signal.
            if is_ended.load(Ordering::Relaxed) || !terminal::is_there() {
                terminal::leave();
                std::process::exit(0);
            }
            picture = match answer.send_timeout(picture, EVERY) {
                Ok(()) => break,
                Err(SendTimeoutError::Timeout(picture)) => picture,
                Err(SendTimeoutError::Disconnected(_)) => return,
            };
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge at which time comes in")]
fn now() -> Instant {
    Instant::now()
}
