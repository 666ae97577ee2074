//! What the person at the keyboard chose. Pure.

use crate::{answers::Picture, client::Asked};

/// Sources that are asked for where all must be compared.
const COMPARED: usize = 1_000;
/// Characters of a filter.
const SEARCH_MAX: usize = 64;

/// The order of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Sort {
    #[default]
    Name,
    /// Most votes first.
    Votes,
    /// Largest share of the first category first.
    Share,
}

impl Sort {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Votes => "votes",
            Self::Share => "share",
        }
    }
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Choice {
    pub search: String,
    /// The filter is being typed.
    pub is_typing: bool,
    pub sort: Sort,
    /// The name of the view; the longest where there is none of this name.
    pub view: String,
    /// Gender, then the others.
    pub attribute: usize,
    /// Sources before the first on the screen.
    pub offset: usize,
    /// The row of the chosen source on the screen.
    pub row: usize,
    /// Health in place of the sources.
    pub is_health: bool,
}

/// A key, as far as one means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    Interrupt,
}

/// What follows from a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Draw,
    /// Other sources are needed.
    Ask,
    Quit,
}

const ATTRIBUTES: [&str; 3] = ["gender", "age", "ethnicity"];

impl Choice {
    pub(crate) fn attribute(&self) -> &'static str {
        ATTRIBUTES[self.attribute]
    }

    /// The view of this name, else the longest that there is.
    pub(crate) fn view<'a>(&'a self, picture: &'a Picture) -> &'a str {
        let views = picture.views();
        match views.contains(&self.view.as_str()) {
            true => &self.view,
            false => views.last().copied().unwrap_or(&self.view),
        }
    }

    /// What the API is asked for, with so many rows on the screen.
    pub(crate) fn asked(&self, rows: usize) -> Asked {
        let (offset, limit) = match self.sort {
            Sort::Name => (self.offset, rows.clamp(1, COMPARED)),
            _ => (0, COMPARED),
        };
        Asked {
            search: self.search.clone(),
            offset,
            limit,
        }
    }

    /// The sources on the screen, in their order.
    pub(crate) fn page<'a>(&self, picture: &'a Picture, rows: usize) -> Vec<&'a crate::Source> {
        let mut sources: Vec<_> = picture.sources.sources.iter().collect();
        if self.sort == Sort::Name {
            sources.truncate(rows);
            return sources;
        }
        let view = self.view(picture).to_owned();
        let value = |source: &crate::Source| {
            let view = picture.view(&source.source, &view)?;
            let mut attributes = view.attributes.iter();
            let attribute = attributes.find(|one| one.attribute == self.attribute())?;
            match self.sort {
                Sort::Share => attribute.categories.first()?.share,
                _ => attribute.votes().map(|votes| votes as f64),
            }
        };
        // What is unknown comes last.
        sources.sort_by(|a, b| {
            let (a, b) = (value(a).unwrap_or(-1.0), value(b).unwrap_or(-1.0));
            b.total_cmp(&a)
        });
        sources.into_iter().skip(self.offset).take(rows).collect()
    }

    /// What a key does, with so many rows on the screen.
    pub(crate) fn press(&mut self, key: Key, picture: &Picture, rows: usize) -> Next {
        if key == Key::Interrupt {
            return Next::Quit;
        }
        if self.is_typing {
            return self.write(key);
        }
        let reach = match self.sort {
            Sort::Name => picture.sources.total,
            _ => picture.sources.sources.len(),
        };
        match key {
            Key::Char('q') | Key::Escape => return Next::Quit,
            Key::Char('/') => self.is_typing = true,
            Key::Char('h') => self.is_health = !self.is_health,
            Key::Char('a') => self.attribute = (self.attribute + 1) % ATTRIBUTES.len(),
            Key::Char('v') => {
                let views = picture.views();
                let now = self.view(picture);
                let at = views.iter().position(|one| *one == now);
                let next = at.map_or(0, |at| (at + 1) % views.len());
                let next = views.get(next).map(|view| (*view).to_owned());
                self.view = next.unwrap_or_default();
            }
            Key::Char('s') => {
                self.sort = match self.sort {
                    Sort::Name => Sort::Votes,
                    Sort::Votes => Sort::Share,
                    Sort::Share => Sort::Name,
                };
                return self.first_page();
            }
            Key::Char('k') | Key::Up => self.row = self.row.saturating_sub(1),
            Key::Char('j') | Key::Down => {
                let shown = reach.saturating_sub(self.offset).min(rows);
                self.row = (self.row + 1).min(shown.saturating_sub(1));
            }
            Key::Char('n' | ' ') | Key::PageDown if self.offset + rows < reach => {
                self.offset += rows;
                self.row = 0;
                return Next::Ask;
            }
            Key::Char('p') | Key::PageUp if self.offset > 0 => {
                self.offset = self.offset.saturating_sub(rows);
                self.row = 0;
                return Next::Ask;
            }
            Key::Home => return self.first_page(),
            _ => {}
        }
        Next::Draw
    }

    fn write(&mut self, key: Key) -> Next {
        match key {
            Key::Enter => self.is_typing = false,
            Key::Escape => {
                self.is_typing = false;
                self.search.clear();
                return self.first_page();
            }
            Key::Backspace if self.search.pop().is_some() => return self.first_page(),
            Key::Char(c) if self.search.chars().count() < SEARCH_MAX => {
                self.search.push(c);
                return self.first_page();
            }
            _ => {}
        }
        Next::Draw
    }

    fn first_page(&mut self) -> Next {
        (self.offset, self.row) = (0, 0);
        Next::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::tests::picture;

    #[test]
    fn pages_end_where_the_sources_end() {
        let picture = picture(25);
        let mut choice = Choice::default();
        for (key, offset, next) in [
            (Key::PageUp, 0, Next::Draw),
            (Key::PageDown, 10, Next::Ask),
            (Key::Char('n'), 20, Next::Ask),
            (Key::PageDown, 20, Next::Draw),
            (Key::Char('p'), 10, Next::Ask),
            (Key::Home, 0, Next::Ask),
        ] {
            assert_eq!(choice.press(key, &picture, 10), next, "{key:?}");
            assert_eq!(choice.offset, offset, "{key:?}");
        }
        choice.offset = 20;
        for _ in 0..9 {
            choice.press(Key::Down, &picture, 10);
        }
        assert_eq!(choice.row, 4, "the last of 25");
    }

    #[test]
    fn a_filter_is_typed_letter_by_letter_and_q_is_a_letter_of_it() {
        let picture = picture(2);
        let mut choice = Choice::default();
        for key in ["/", "q"].map(|key| Key::Char(key.chars().next().unwrap())) {
            choice.press(key, &picture, 10);
        }
        assert_eq!((choice.search.as_str(), choice.is_typing), ("q", true));
        assert_eq!(choice.asked(10).search, "q");
        assert_eq!(choice.press(Key::Backspace, &picture, 10), Next::Ask);
        assert_eq!(choice.press(Key::Enter, &picture, 10), Next::Draw);
        assert_eq!(choice.press(Key::Char('q'), &picture, 10), Next::Quit);
        choice.is_typing = true;
        assert_eq!(choice.press(Key::Interrupt, &picture, 10), Next::Quit);
    }

    #[test]
    fn most_votes_come_first_and_unknown_ones_last() {
        let picture = picture(4);
        let mut choice = Choice::default();
        let names = |choice: &Choice| -> Vec<String> {
            let page = choice.page(&picture, 10).into_iter();
            page.map(|one| one.source.clone()).collect()
        };
        assert_eq!(names(&choice), ["cam-0", "cam-1", "cam-2", "cam-3"]);
        assert_eq!(choice.press(Key::Char('s'), &picture, 10), Next::Ask);
        // The first has no view.
        assert_eq!(names(&choice), ["cam-3", "cam-2", "cam-1", "cam-0"]);
        assert_eq!(choice.asked(10).limit, COMPARED);
    }

    #[test]
    fn views_go_round() {
        let picture = picture(2);
        let mut choice = Choice::default();
        assert_eq!(choice.view(&picture), "1h");
        choice.press(Key::Char('v'), &picture, 10);
        assert_eq!(choice.view(&picture), "1m");
        choice.press(Key::Char('v'), &picture, 10);
        assert_eq!(choice.view(&picture), "1h");
    }
}
