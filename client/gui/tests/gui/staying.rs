//! Staying logged in: asked first, kept where its owner says, and over when it is over.

use egui::{Key as Keyboard, Role};
use egui_kittest::kittest::{NodeT, Queryable};
use sotto_client::{Command, Kept, Problem, Proof, Ticket, Update};
use sotto_gui::{Ask, Key, Lang, Name, NoKeyring, Told};
use sotto_proto::{Epoch, Token};

use crate::stage::{Setting, Stage, name, pin};

const ADDRESS: &str = "lab.example:7443";

fn ticket() -> Ticket {
    format!("0000000000000007 {}", Token::from_bytes([3; 32]).reveal()).parse().unwrap()
}

fn mary() -> Name {
    Name { address: ADDRESS.to_owned(), user: name("mary") }
}

/// At the card, with a password typed.
fn at_the_card(lang: Lang) -> Stage {
    let setting = Setting { lang, ..Setting::default() };
    let mut stage = Stage::with_servers(setting, &[(ADDRESS, pin(1), "mary")]);
    stage.run();
    stage.types("correct horse");
    stage
}

fn ticks(stage: &mut Stage) {
    let label = stage.says(Key::StayBox);
    stage.harness.get_by_role_and_label(Role::CheckBox, label).click();
    stage.run();
}

fn is_ticked(stage: &Stage) -> bool {
    let node = stage.harness.get_by_role_and_label(Role::CheckBox, stage.says(Key::StayBox));
    node.accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)
}

/// Logs in, and the session has a ticket.
fn gets_in(stage: &mut Stage) {
    stage.click(Key::LoginButton);
    stage.asked();
    stage.tells(Update::LoggedIn { user: name("mary"), epoch: Epoch::new(7), resumed: false });
    stage.tells(Update::Ticket(ticket()));
    stage.run();
}

/// The program is started where mary had said that she stays.
fn comes_back(lang: Lang) -> Stage {
    let setting = Setting { lang, ..Setting::default() };
    let kept = Kept::InKeyring;
    let mut stage = Stage::with_ticket(setting, (ADDRESS, pin(1), "mary"), &kept);
    stage.run();
    stage
}

fn no_keyring() -> NoKeyring {
    NoKeyring("zzz".to_owned())
}

#[test]
fn nothing_is_kept_unless_somebody_says_so() {
    for lang in Lang::ALL {
        let mut stage = at_the_card(lang);
        assert!(!is_ticked(&stage) && !stage.has(stage.says(Key::StayNote)));
        gets_in(&mut stage);
        let asked = stage.asked();
        assert!(!asked.iter().any(|ask| matches!(ask, Ask::KeepTicket(..) | Ask::KeepTicketInFile(..))));
        assert!(asked.iter().any(|ask| matches!(ask, Ask::ForgetTicket(of) if *of == mary())), "{asked:?}");
    }
}

#[test]
fn who_says_so_stays_by_way_of_the_keyring() {
    for lang in Lang::ALL {
        let mut stage = at_the_card(lang);
        ticks(&mut stage);
        assert!(is_ticked(&stage) && stage.has(stage.says(Key::StayNote)), "what that means is there");
        gets_in(&mut stage);
        let asked = stage.asked();
        let kept = |ask: &Ask| matches!(ask, Ask::KeepTicket(of, kept) if *of == mary() && *kept == ticket());
        assert!(asked.iter().any(kept), "{asked:?}");
        stage.told(Told::Kept(Ok(())));
        stage.run();
        assert!(!stage.has(stage.says(Key::StayFileTitle)), "there is nothing to ask");
    }
}

#[test]
fn without_a_keyring_a_file_is_a_question_and_no_is_the_safe_answer() {
    for lang in Lang::ALL {
        for yes in [true, false] {
            let mut stage = at_the_card(lang);
            ticks(&mut stage);
            gets_in(&mut stage);
            stage.asked();
            stage.told(Told::Kept(Err(no_keyring())));
            stage.run();
            assert!(stage.has(stage.says(Key::StayFileTitle)) && !stage.shows("zzz"));
            assert_eq!(stage.focused(), stage.says(Key::StayFileNo));
            stage.click(if yes { Key::StayFileYes } else { Key::StayFileNo });
            let asked = stage.asked();
            let in_file =
                asked.iter().any(|ask| matches!(ask, Ask::KeepTicketInFile(of, _) if *of == mary()));
            assert_eq!(in_file, yes, "{asked:?}");
            assert!(!stage.has(stage.says(Key::StayFileTitle)));
        }
    }
}

#[test]
fn who_stayed_is_let_in_without_a_password() {
    for lang in Lang::ALL {
        let mut stage = comes_back(lang);
        assert!(stage.is_disabled(Key::LoginBusy) && is_ticked(&stage));
        assert!(matches!(&stage.asked()[..], [Ask::FindTicket(of)] if *of == mary()));
        stage.told(Told::Ticket(Ok(Some(ticket()))));
        stage.run();
        let asked = stage.asked();
        let Some(Ask::LogIn(_, account)) = asked.last() else { panic!("{asked:?}") };
        assert!(matches!(&account.proof, Proof::Ticket(shown) if *shown == ticket()));
        assert!(account.user == name("mary") && !account.take_over);
        stage.tells(Update::LoggedIn { user: name("mary"), epoch: Epoch::new(7), resumed: false });
        stage.run();
        assert!(stage.has(stage.says(Key::ComposeSend)));
    }
}

#[test]
fn a_ticket_that_is_over_is_let_go_of_and_the_password_is_asked_for() {
    for lang in Lang::ALL {
        let mut stage = comes_back(lang);
        stage.asked();
        stage.told(Told::Ticket(Ok(Some(ticket()))));
        stage.run();
        stage.asked();
        stage.tells(Update::Ended(Problem::WrongPassword));
        stage.run();
        assert!(stage.has(stage.says(Key::StayOver)) && !stage.has(stage.says(Key::LoginWrong)));
        assert_eq!(stage.focused(), stage.says(Key::LoginPass));
        assert!(stage.asked().iter().any(|ask| matches!(ask, Ask::ForgetTicket(of) if *of == mary())));
    }
}

#[test]
fn a_keyring_that_does_not_open_is_said_and_the_password_is_asked_for() {
    for (found, said) in [(Err(no_keyring()), Key::StayNoKeyring), (Ok(None), Key::StayOver)] {
        let mut stage = comes_back(Lang::Chinese);
        stage.asked();
        stage.told(Told::Ticket(found));
        stage.run();
        assert!(stage.has(stage.says(said)) && !stage.shows("zzz"));
        assert!(!stage.is_disabled(Key::LoginButton), "one can log in with the password");
        assert_eq!(stage.focused(), stage.says(Key::LoginPass));
    }
}

#[test]
fn while_a_keyring_takes_its_time_one_can_go_elsewhere() {
    let mut stage = comes_back(Lang::English);
    stage.asked();
    stage.click(Key::LoginOther);
    assert!(stage.has(stage.says(Key::ConnectTitle)));
    stage.told(Told::Ticket(Ok(Some(ticket()))));
    stage.run();
    assert!(
        stage.asked().iter().all(|ask| matches!(ask, Ask::Leave)),
        "nobody is logged in behind one's back"
    );
}

#[test]
fn logging_out_ends_it() {
    let mut stage = at_the_card(Lang::English);
    ticks(&mut stage);
    gets_in(&mut stage);
    stage.profile().keep_ticket((ADDRESS, &name("mary")), &Kept::InKeyring).unwrap();
    stage.asked();
    stage.click(Key::NavSettings);
    stage.click(Key::SetAccount);
    stage.click(Key::SetLogOut);
    let asked = stage.asked();
    assert!(asked.iter().any(|ask| matches!(ask, Ask::ForgetTicket(of) if *of == mary())), "{asked:?}");
    assert!(asked.iter().any(|ask| matches!(ask, Ask::Do(Command::LogOut))), "{asked:?}");
    stage.profile().drop_ticket((ADDRESS, &name("mary"))).unwrap();
    stage.tells(Update::Ended(Problem::LoggedOut));
    stage.run();
    stage.press(Keyboard::Enter);
    assert!(stage.asked().iter().all(|ask| !matches!(ask, Ask::LogIn(..) | Ask::FindTicket(_))));
}
