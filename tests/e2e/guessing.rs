//! Somebody guesses passwords: what they get to know, how often they may, and that it costs the owner nothing.

use bytes::Bytes;
use sotto_client::{Dial, Trust};
use sotto_proto::{Password, Reason, Reply, Request, Token};
use sotto_tests::binaries::{Cli, ServerProcess};
use sotto_tests::{House, PASSWORD, Person};

const FREELY: &[&str] = &["logins-per-source=0", "failed-logins=0", "stranger-requests=0"];

fn log_in(name: &str, password: &str, device: Option<&Token>) -> Request {
    let (user, password) = (name.parse().unwrap(), Password::new(password).unwrap());
    Request::LogIn { user, password, take_over: false, peek: false, device: device.cloned() }
}

/// Everything that is answered to so many guesses.
async fn answers_to_guesses(house: &House, name: &str, guesses: usize) -> Vec<Bytes> {
    let mut guesser = Person::stranger(&house.dial()).await;
    let mut answers = Vec::new();
    for _ in 0..guesses {
        guesser.sends(&log_in(name, "a wrong password", None)).await;
        let frame = guesser.next_frame().await.unwrap();
        answers.push(Reply::from_frame(&frame).unwrap().encode(None));
    }
    answers
}

fn is_throttled(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(refusal)
        if refusal.reason == Reason::Throttled && refusal.retry_after.is_some())
}

/// The device that a newcomer becomes by logging in.
async fn device_of(house: &House, name: &str) -> Token {
    let mut owner = Person::newcomer(house, name).await;
    owner.sends(&Request::LogOut { taken: None }).await;
    owner.until_the_end().await;
    let mut owner = Person::stranger(&house.dial()).await;
    let answer = owner.logs_in_as(log_in(name, PASSWORD, None)).await;
    let Reply::LoggedIn { device: Some(device), .. } = answer else { panic!("{answer:?}") };
    owner.leaves().await;
    device
}

#[tokio::test]
async fn an_owner_s_device_gets_in_while_others_guess_and_a_new_one_is_told_when() {
    let house = House::with_limits(FREELY).await;
    let device = device_of(&house, "ann").await;
    let answers = answers_to_guesses(&house, "ann", 20).await;
    let evaluated = answers.iter().filter(|answer| **answer == Reply::WrongPassword.encode(None)).count();
    assert_eq!(evaluated, 5);
    let mut elsewhere = Person::stranger(&house.dial()).await;
    assert!(is_throttled(&elsewhere.logs_in("ann", PASSWORD).await));
    let forged = Token::from_bytes([7; 32]);
    assert!(is_throttled(&elsewhere.logs_in_as(log_in("ann", PASSWORD, Some(&forged))).await));
    for _ in 0..20 {
        let mut owner = Person::stranger(&house.dial()).await;
        let answer = owner.logs_in_as(log_in("ann", PASSWORD, Some(&device))).await;
        assert!(matches!(answer, Reply::LoggedIn { device: None, .. }), "{answer:?}");
        owner.leaves().await;
    }
}

#[tokio::test]
async fn guessing_gives_away_nothing_about_who_has_an_account() {
    let house = House::with_limits(FREELY).await;
    Person::newcomer(&house, "ann").await.leaves().await;
    let known = answers_to_guesses(&house, "ann", 7).await;
    assert_eq!(known, answers_to_guesses(&house, "nobody", 7).await);
}

#[tokio::test]
async fn whoever_asks_which_names_are_taken_is_slowed_down() {
    let house = House::with_limits(&["registrations-per-source=3"]).await;
    let mut stranger = Person::stranger(&house.dial()).await;
    assert_eq!(stranger.registers("ann", PASSWORD).await, Reply::Registered);
    for _ in 0..2 {
        assert_eq!(stranger.registers("ann", PASSWORD).await, Reply::NameTaken);
    }
    assert!(is_throttled(&stranger.registers("ann", PASSWORD).await));
}

#[tokio::test]
async fn another_password_ends_what_the_old_one_opened() {
    const NEW: &str = "another horse battery";
    let house = House::with_limits(FREELY).await;
    let [mut ann] = house.join(["ann"]).await;
    let change = |old: &str, new: &str| {
        let [old, new] = [old, new].map(|password| Password::new(password).unwrap());
        Request::ChangePassword { old, new }
    };
    assert_eq!(ann.asks(&change("a wrong password", NEW)).await, Reply::WrongPassword);
    let poor = ann.asks(&change(PASSWORD, "password")).await;
    assert!(matches!(poor, Reply::Refused(refusal) if refusal.reason == Reason::BadPassword));
    assert_eq!(ann.asks(&change(PASSWORD, NEW)).await, Reply::PasswordChanged);
    let mut again = Person::stranger(&house.dial()).await;
    assert_eq!(again.logs_in("ann", PASSWORD).await, Reply::WrongPassword);
    assert!(matches!(again.resumes(&ann, &[]).await, Reply::LoggedIn { .. }));
    again.leaves().await;
    let mut anew = Person::stranger(&house.dial()).await;
    assert!(matches!(anew.logs_in("ann", NEW).await, Reply::LoggedIn { .. }));
}

#[tokio::test]
async fn a_terminal_is_a_device_that_is_known_again() {
    let house = House::with_limits(FREELY).await;
    Person::newcomer(&house, "ann").await.leaves().await;
    let profiles = tempfile::tempdir().unwrap();
    let [own, strange] = ["own", "strange"].map(|profile| {
        let mut cli = Cli::new(&house.link, "ann", profiles.path());
        cli.keeps_its_profile_in(profiles.path().join(profile));
        cli
    });
    let run = async |cli: &Cli| {
        let cli = cli.clone();
        tokio::task::spawn_blocking(move || cli.run(&["users"])).await.unwrap()
    };
    assert!(run(&own).await.status.success());
    answers_to_guesses(&house, "ann", 5).await;
    assert!(run(&own).await.status.success());
    let refused = run(&strange).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(said.contains("Try again in"), "{said}");
}

#[tokio::test]
async fn a_password_that_is_too_long_is_refused_before_it_is_hashed() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let script = format!("exec \"$0\" \"$@\" 2>'{}'", log.display());
    let wrapper = ["sh", "-c", &script].map(str::to_owned);
    let mut server =
        ServerProcess::start_under(&wrapper, &dir.path().join("data"), &["--log", "debug"]).unwrap();
    let mut stranger = Person::stranger(&Dial::new(&server.link, Trust::Nothing)).await;
    assert_eq!(stranger.registers("ann", PASSWORD).await, Reply::Registered);
    for name in ["ann", "nobody"] {
        for bytes in [1025, 2000, 4000] {
            stranger.sends_payload(format!("101\r\n{name}\r\n{}", "x".repeat(bytes)).as_bytes()).await;
            let answer = stranger.next().await;
            assert!(
                matches!(&answer, Reply::Refused(refusal) if refusal.reason == Reason::BadPassword),
                "{answer:?}"
            );
        }
    }
    server.signal("TERM");
    server.wait();
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("a password hash is computed").count(), 1, "{log}");
}
