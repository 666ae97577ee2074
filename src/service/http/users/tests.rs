//! Right and wrong logins, and what they cost.

use super::*;

/// The lowest cost that there is.
const COST: u32 = 4;
const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn users(tokens: &str) -> Users {
    let hash = bcrypt::hash("open sesame", COST).unwrap();
    Users::of([("alice".to_owned(), hash)].into(), tokens).unwrap()
}

fn line(token: &str) -> String {
    format!("{}  board\n", demograph_core::hex(Sha256::digest(token)))
}

fn basic(login: &str) -> HeaderValue {
    let word = STANDARD.encode(login);
    format!("Basic {word}").parse().unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

#[test]
fn only_right_logins_are_welcome() {
    let users = users(&format!("# tokens\n\n{}{}", line("a"), line("board")));
    let keeper = Doorkeeper::new(clock::instant());
    let judge = |header: Option<HeaderValue>| wait(keeper.judge(&users, header.as_ref(), HOME));
    for right in [
        "basic YWxpY2U6b3BlbiBzZXNhbWU=",
        "Bearer board",
        "bearer  a ",
    ] {
        assert_eq!(judge(right.parse().ok()), Verdict::Welcome, "{right}");
    }
    assert_eq!(judge(Some(basic("alice:open sesame"))), Verdict::Welcome);
    assert_eq!(judge(None), Verdict::Stranger);
    let hash = demograph_core::hex(Sha256::digest("board"));
    for wrong in [
        basic("alice:open"),
        basic("alice:"),
        basic("alice"),
        basic(":open sesame"),
        basic("bob:open sesame"),
        basic("board:board"),
        // The hash of a token is none, nor is a password one.
        format!("Bearer {hash}").parse().unwrap(),
        "Bearer open sesame".parse().unwrap(),
        "Bearer ".parse().unwrap(),
        "Bearer boar".parse().unwrap(),
        "Basic !".parse().unwrap(),
        "Digest board".parse().unwrap(),
        HeaderValue::from_bytes(b"Basic \xff").unwrap(),
    ] {
        assert_eq!(judge(Some(wrong.clone())), Verdict::Stranger, "{wrong:?}");
    }
}

#[test]
fn wrong_logins_wait_and_known_ones_do_not() {
    let users = users("");
    let keeper = Doorkeeper::new(clock::instant());
    let judge = |login: &str| wait(keeper.judge(&users, Some(&basic(login)), HOME));
    assert_eq!(judge("alice:open sesame"), Verdict::Welcome);
    let verdicts: Vec<_> = (0..50).map(|n| judge(&format!("bob:{n}"))).collect();
    let later = |verdict: &&Verdict| matches!(verdict, Verdict::Later(_));
    assert!(verdicts.iter().filter(later).count() >= 35, "{verdicts:?}");
    // She is known again without bcrypt.
    assert_eq!(judge("alice:open sesame"), Verdict::Welcome);
    // A password that was never right is not.
    assert!(matches!(judge("alice:other"), Verdict::Later(_)));
}

#[test]
fn a_login_is_not_known_again_when_its_password_has_changed_or_it_is_gone() {
    let keeper = Doorkeeper::new(clock::instant());
    let login = basic("alice:open sesame");
    let judge = |users: &Users| wait(keeper.judge(users, Some(&login), HOME));
    assert_eq!(judge(&users("")), Verdict::Welcome);
    let other = bcrypt::hash("other", COST).unwrap();
    let changed = Users::of([("alice".to_owned(), other)].into(), "").unwrap();
    assert_eq!(judge(&changed), Verdict::Stranger);
    let hash = bcrypt::hash("open sesame", COST).unwrap();
    let gone = Users::of([("bob".to_owned(), hash)].into(), "").unwrap();
    assert_eq!(judge(&gone), Verdict::Stranger);
    assert_eq!(judge(&Users::default()), Verdict::Stranger);
}

#[test]
fn what_is_remembered_is_bounded() {
    let keeper = Doorkeeper::new(clock::instant());
    let hash = bcrypt::hash("p", COST).unwrap();
    let names: Vec<String> = (0..REMEMBERED_MAX + 20).map(|n| n.to_string()).collect();
    let all = names.iter().map(|name| (name.clone(), hash.clone()));
    let users = Users::of(all.collect(), "").unwrap();
    for name in &names {
        let login = basic(&format!("{name}:p"));
        assert_eq!(
            wait(keeper.judge(&users, Some(&login), HOME)),
            Verdict::Welcome
        );
    }
    assert_eq!(keeper.locked(|memory| memory.right.len()), REMEMBERED_MAX);
}

#[test]
fn a_token_that_is_not_hashed_is_a_fault_that_does_not_show_it() {
    for text in [
        "hunter2  board",
        "hunter2",
        &"ab".repeat(32),
        &format!("{}ff  board", "ab".repeat(32)),
    ] {
        let said = Users::of(BTreeMap::new(), text).err().unwrap();
        let said = format!("{said:#}");
        assert!(
            said.contains("line 1") && said.contains("sha256sum"),
            "{said}"
        );
        assert!(
            !said.contains("hunter2") && !said.contains("abab"),
            "{said}"
        );
    }
}
