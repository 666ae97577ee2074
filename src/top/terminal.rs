//! The terminal: raw keys in, lines out.
//!
//! Promises: it is left as it was found: at the end, at an error, at a panic.

use std::{
    io::{IsTerminal, Write, stdin, stdout},
    time::Duration,
};

use anyhow::Context;
use crossterm::{
    cursor, event,
    event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    execute, queue,
    style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor},
    terminal,
};

use crate::{
    choice::Key,
    screen::{Line, Look, Size},
};

/// The terminal while it is ours.
pub(crate) struct Terminal;

/// What came from the keyboard.
pub(crate) enum Input {
    Key(Key),
    Resized,
    Nothing,
}

/// Whether there is a person before it.
pub(crate) fn is_there() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

impl Terminal {
    pub(crate) fn open() -> anyhow::Result<Self> {
        terminal::enable_raw_mode().context("read single keys of this terminal")?;
        let terminal = Self;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            before(panic);
        }));
        execute!(stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        Ok(terminal)
    }

    pub(crate) fn size() -> anyhow::Result<Size> {
        let (columns, rows) = terminal::size().context("ask this terminal for its size")?;
        Ok(Size {
            columns: columns.into(),
            rows: rows.into(),
        })
    }

    /// What is typed within this time.
    pub(crate) fn input(wait: Duration) -> anyhow::Result<Input> {
        if !event::poll(wait)? {
            return Ok(Input::Nothing);
        }
        Ok(match event::read()? {
            Event::Resize(..) => Input::Resized,
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                known(key).map_or(Input::Nothing, Input::Key)
            }
            _ => Input::Nothing,
        })
    }

    pub(crate) fn draw(lines: &[Line]) -> anyhow::Result<()> {
        let mut out = stdout().lock();
        queue!(out, terminal::BeginSynchronizedUpdate)?;
        for (row, line) in lines.iter().enumerate() {
            let row = u16::try_from(row).unwrap_or(u16::MAX);
            queue!(out, cursor::MoveTo(0, row))?;
            match line.look {
                Look::Plain => {}
                Look::Head => queue!(out, SetAttribute(Attribute::Bold))?,
                Look::Bad => queue!(
                    out,
                    SetAttribute(Attribute::Bold),
                    SetForegroundColor(Color::Red)
                )?,
                Look::Chosen => queue!(out, SetAttribute(Attribute::Reverse))?,
                Look::Soft => queue!(out, SetAttribute(Attribute::Dim))?,
            }
            queue!(
                out,
                Print(&line.text),
                SetAttribute(Attribute::Reset),
                ResetColor,
                terminal::Clear(terminal::ClearType::UntilNewLine)
            )?;
        }
        queue!(out, terminal::EndSynchronizedUpdate)?;
        out.flush()?;
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        leave();
    }
}

/// A terminal that is gone cannot be left.
pub(crate) fn leave() {
    drop(execute!(
        stdout(),
        cursor::Show,
        terminal::LeaveAlternateScreen
    ));
    drop(terminal::disable_raw_mode());
}

fn known(key: KeyEvent) -> Option<Key> {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('c') if is_control => Key::Interrupt,
        KeyCode::Char(_) if is_control => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        _ => return None,
    })
}
