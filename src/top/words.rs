//! Numbers in words, for a terminal. Pure.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::answers::{Attribute, Category, Source};

/// Hidden and unknown values.
pub(crate) const HIDDEN: &str = "hidden";

/// "female 54 % (49-60)"; where there is no estimate, the counted share with a tilde.
pub(crate) fn share(one: &Category) -> String {
    match (one.share, one.share_low, one.share_high) {
        (Some(_), Some(low), Some(high)) => {
            format!("{} ({}-{})", only_share(one), percent(low), percent(high))
        }
        _ => only_share(one),
    }
}

/// The same without its interval.
fn only_share(one: &Category) -> String {
    let number = match (one.share, one.share_low, one.share_high, one.share_naive) {
        (Some(share), Some(_), Some(_), _) => format!("{} %", percent(share)),
        (_, _, _, Some(naive)) => format!("~{} %", percent(naive)),
        _ => HIDDEN.to_owned(),
    };
    format!("{} {number}", harmless(&one.category))
}

fn percent(share: f64) -> String {
    format!("{:.0}", share * 100.0)
}

/// The shares of an attribute, with a warning where they are not to be trusted.
pub(crate) fn shares(attribute: &Attribute) -> Vec<String> {
    warned(attribute, share, "CALIBRATION DOES NOT FIT")
}

/// The same for a small screen, without intervals.
pub(crate) fn brief(attribute: &Attribute) -> Vec<String> {
    warned(attribute, only_share, "NO FIT")
}

fn warned(attribute: &Attribute, share: fn(&Category) -> String, misfit: &str) -> Vec<String> {
    let mut words: Vec<String> = attribute.categories.iter().map(share).collect();
    if words.is_empty() {
        words.push("too few people: every category is hidden".into());
    }
    if attribute.calibration_fits == Some(false) {
        words.insert(0, format!("! {misfit}"));
    }
    words
}

/// Why a source shows nothing.
pub(crate) fn waiting(source: &Source, view: &str, is_of_tables: bool) -> String {
    if is_of_tables {
        return format!("no {} in these tables", view_name(view, true));
    }
    if source.released_until.is_some() {
        return format!("no window was released in the last {view}");
    }
    let people = source.people_min.filter(|&people| people > 0);
    match people.or(source.k_total) {
        Some(people) => format!("no window is released yet: one needs {people} people"),
        None => "no window is released yet".into(),
    }
}

/// What a view is called: the rolling view of a service, or a period of tables.
pub(crate) fn view_name(view: &str, is_of_tables: bool) -> String {
    match (is_of_tables, view) {
        (true, "24h") => "newest day".into(),
        (true, _) => "newest hour".into(),
        (false, view) => format!("last {view}"),
    }
}

/// The time of day in UTC, with its date where that is another one than `now`'s.
pub(crate) fn clock(time: Option<&str>, now: Option<&str>) -> String {
    let Some((date, clock)) = time.and_then(|time| time.split_once('T')) else {
        return "unknown".into();
    };
    let clock = clock.get(..8).unwrap_or(clock);
    let today = now.and_then(|now| now.split_once('T'));
    match today {
        Some((today, _)) if today == date => harmless(clock),
        _ => harmless(&format!("{date} {clock}")),
    }
}

/// 1,234,567.
pub(crate) fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text from outside that cannot steer the terminal: what is no printed character becomes a question mark.
pub(crate) fn harmless(text: &str) -> String {
    let plain = |c: char| match c {
        // Marks that turn the direction of a line, and characters that are not seen.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => '?',
        '\u{feff}' => '?',
        c if c.is_control() => '?',
        c => c,
    };
    text.chars().map(plain).collect()
}

/// The text in exactly so many columns: cut with a dot at its end, or filled.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let mut cut = cut(text, width);
    let filled = width.saturating_sub(cut.width());
    cut.extend(std::iter::repeat_n(' ', filled));
    cut
}

/// The text in at most so many columns.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        cut.push(c);
        used += wide;
    }
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// The words in lines of at most so many columns; the first begins with a title, the others with spaces below it.
pub(crate) fn wrapped(title: &str, words: &[String], width: usize) -> Vec<String> {
    let indent = " ".repeat(title.width() + 2);
    let words = words.iter().map(|word| ("  ".to_owned(), word.as_str()));
    filled(format!("{title}  "), &indent, words, width)
}

/// The text in lines of at most so many columns, broken at spaces; what follows is set in.
pub(crate) fn folded(text: &str, width: usize) -> Vec<String> {
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    let begin = text.len() - text.trim_start().len();
    let indent = " ".repeat((begin + 2).min(width / 2));
    let mut gap = String::new();
    let words = text[begin..].split(' ').filter_map(|word| {
        if word.is_empty() {
            gap.push(' ');
            return None;
        }
        Some((std::mem::replace(&mut gap, " ".into()), word))
    });
    filled(text[..begin].to_owned(), &indent, words, width)
}

/// As many words as fit into each line; before each, unless it begins a line, its gap.
fn filled<'a>(
    first: String,
    indent: &str,
    words: impl Iterator<Item = (String, &'a str)>,
    width: usize,
) -> Vec<String> {
    let (mut lines, mut line, mut is_empty) = (Vec::new(), first, true);
    for (gap, word) in words {
        if !is_empty && line.width() + gap.len() + word.width() > width {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            is_empty = true;
        }
        line.push_str(if is_empty { "" } else { &gap });
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines.iter().map(|line| cut(line, width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(share: Option<f64>, naive: Option<f64>) -> Category {
        Category {
            category: "female".into(),
            votes: None,
            share_naive: naive,
            share,
            share_low: share.map(|share| share - 0.05),
            share_high: share.map(|share| share + 0.06),
        }
    }

    #[test]
    fn a_share_has_its_interval_or_says_that_it_is_counted_or_hidden() {
        assert_eq!(share(&category(Some(0.54), None)), "female 54 % (49-60)");
        assert_eq!(share(&category(None, Some(0.5))), "female ~50 %");
        assert_eq!(share(&category(None, None)), "female hidden");
    }

    #[test]
    fn no_name_steers_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{202e}c\n"), "a?[2Jb?c?");
        assert_eq!(harmless("café 門"), "café 門");
    }

    #[test]
    fn texts_fit_their_columns_also_where_characters_are_wide() {
        assert_eq!(fit("lobby", 7), "lobby  ");
        assert_eq!(fit("lobby", 4), "lob…");
        assert_eq!(fit("門門門", 5), "門門…");
        assert_eq!(fit("門門門", 4), "門… ");
        assert_eq!(fit("ab", 0), "");
    }

    #[test]
    fn words_are_wrapped_below_their_title() {
        let words = ["one 1 %", "two 2 %", "three 3 %"].map(String::from);
        assert_eq!(
            wrapped("age", &words, 22),
            ["age  one 1 %  two 2 %", "     three 3 %"]
        );
    }

    #[test]
    fn a_text_that_is_too_long_is_broken_at_spaces() {
        assert_eq!(folded("  lag  3", 8), ["  lag  3"]);
        assert_eq!(
            folded("  not_an_image 5  Send a JPEG.", 18),
            ["  not_an_image 5", "    Send a JPEG."]
        );
        assert_eq!(
            folded("  not_an_image  5  Send a JPEG.", 25),
            ["  not_an_image  5  Send a", "    JPEG."]
        );
        assert_eq!(folded("abcdefgh ij", 4), ["abc…", "  ij"]);
        assert_eq!(folded("ab", 0), [""]);
    }

    #[test]
    fn times_and_numbers_are_short() {
        let now = Some("2026-11-27T15:00:00Z");
        assert_eq!(clock(Some("2026-11-27T14:03:22.5Z"), now), "14:03:22");
        let other = clock(Some("2026-11-26T14:03:22Z"), now);
        assert_eq!(other, "2026-11-26 14:03:22");
        assert_eq!(clock(None, now), "unknown");
        assert_eq!(whole(999), "999");
        assert_eq!(whole(1_234_567), "1,234,567");
    }
}
