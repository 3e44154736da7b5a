//! Where one writes: whom it goes to, the text, and the key that sends. What an input method is composing is
//! never sent, and never kept as a draft.

use egui::text::{CCursor, CCursorRange};
use egui::text_edit::TextEditState;
use egui::{
    Align, Event, Frame, Id, ImeEvent, InputState, Key as Keyboard, KeyboardShortcut, Layout, Margin,
    Modifiers, ScrollArea, TextEdit, Ui, vec2,
};
use sotto_proto::limits::MAX_TEXT_BYTES;

use crate::action::Action;
use crate::icons;
use crate::look::Look;
use crate::settings::{SendKey, Settings};
use crate::strings::Key;
use crate::theme::{SPACE, TIGHT, Type};
use crate::widgets::{Kind, button, icon_button};

/// Seconds after something from an input method in which an Enter is still part of it.
const COMPOSED: f64 = 0.030;
const LINES: f32 = 8.0;

/// What is being written.
#[derive(Debug, Default)]
pub(crate) struct Composer {
    pub(crate) text: String,
    ime: Ime,
    pub(crate) wants_focus: bool,
    /// Send was clicked while an input method was composing.
    unfinished: bool,
}

/// What the input method is doing.
#[derive(Debug, Default)]
struct Ime {
    /// The text that is being composed; it stands in the field, before it is anybody's.
    preedit: String,
    last: Option<f64>,
}

/// Whether a message could go.
pub(crate) enum Ready {
    /// To somebody.
    Yes,
    /// To nobody, for this reason.
    No(String),
}

pub(crate) fn field_id() -> Id {
    Id::unique("composer")
}

impl Composer {
    /// The text without what an input method is composing.
    pub(crate) fn clean(&self, ctx: &egui::Context) -> String {
        if self.ime.preedit.is_empty() {
            return self.text.clone();
        }
        let cursor = TextEditState::load(ctx, field_id()).and_then(|state| state.cursor.char_range());
        let Some(range) = cursor.map(|range| range.as_sorted_char_range()) else {
            return self.text.clone();
        };
        let length = self.ime.preedit.chars().count();
        let end = range.end.0.max(length);
        let begin = if range.end.0 - range.start.0 == length { range.start.0 } else { end - length };
        let chars = self.text.chars().enumerate();
        let is_preedit = self.text.chars().skip(begin).take(length).eq(self.ime.preedit.chars());
        chars.filter(|(at, _)| !is_preedit || *at < begin || *at >= begin + length).map(|(_, c)| c).collect()
    }

    /// Another text takes its place: the cursor goes to its end, and there is nothing to undo.
    pub(crate) fn put(&mut self, ctx: &egui::Context, text: String) {
        let mut state = TextEditState::load(ctx, field_id()).unwrap_or_default();
        state.clear_undoer();
        state.cursor.set_char_range(Some(CCursorRange::one(CCursor::new(text.chars().count()))));
        state.store(ctx, field_id());
        if !self.ime.preedit.is_empty() {
            ctx.memory_mut(egui::Memory::interrupt_ime);
        }
        self.text = text;
        self.ime = Ime::default();
        self.unfinished = false;
    }
}

impl Ime {
    /// Looks at what came in, takes away the Enters that belong to the input method, and says whether the key
    /// that sends was among the rest. The order of the events matters: the Enter that ends a composition comes
    /// together with its text.
    fn filter(&mut self, input: &mut InputState, mode: SendKey) -> bool {
        let now = input.time;
        let mut send = false;
        input.events.retain(|event| match event {
            Event::Ime(ImeEvent::Preedit { text, .. }) => {
                if !text.is_empty() || !self.preedit.is_empty() {
                    self.last = Some(now);
                }
                self.preedit.clone_from(text);
                true
            }
            Event::Ime(ImeEvent::Commit(text)) => {
                if !text.is_empty() || !self.preedit.is_empty() {
                    self.last = Some(now);
                }
                self.preedit.clear();
                true
            }
            Event::WindowFocused(false) => {
                self.preedit.clear();
                true
            }
            Event::Key { key: Keyboard::Enter, pressed: true, repeat, modifiers, .. } => {
                let belongs = self.last.is_some_and(|last| now - last < COMPOSED);
                if belongs || !self.preedit.is_empty() {
                    return false;
                }
                let sends = match mode {
                    SendKey::CtrlEnter => modifiers.command && !modifiers.shift,
                    SendKey::Enter => !modifiers.shift && !modifiers.alt,
                };
                send |= sends && !repeat;
                !sends
            }
            _ => true,
        });
        send
    }
}

/// Draws it, without the recipients.
pub(crate) fn composer_ui(
    ui: &mut Ui,
    look: &Look,
    (state, ready, chat): (&mut Composer, &Ready, &str),
) -> Vec<Action> {
    let mut actions = Vec::new();
    let mode = look.settings.send_with;
    let id = field_id();
    let focused = ui.memory(|memory| memory.has_focus(id));
    let send_key = focused && ui.input_mut(|input| state.ime.filter(input, mode));
    if !focused && !state.ime.preedit.is_empty() {
        state.ime.preedit.clear();
    }
    // While a dialog goes away nothing can have the keyboard: it is asked for until it is there.
    let behind = ui.memory(|memory| memory.top_modal_layer().is_some());
    state.wants_focus &= !focused;
    if !behind && (state.wants_focus || type_to_focus(ui)) {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    field(ui, look, (state, focused, chat));
    let clean = state.clean(ui.ctx());
    let over = clean.len().saturating_sub(MAX_TEXT_BYTES);
    let reason = match ready {
        Ready::No(reason) => Some(reason.clone()),
        Ready::Yes if over > 0 => Some(look.count(Key::ComposeTooLong, over, &[])),
        Ready::Yes => None,
    };
    let can_send = reason.is_none() && !clean.trim().is_empty();
    ui.add_space(TIGHT);
    let clicked = bottom(ui, look, (state, can_send, reason), &mut actions);
    if clicked && !state.ime.preedit.is_empty() {
        ui.memory_mut(egui::Memory::interrupt_ime);
        state.unfinished = true;
    } else if can_send && (clicked || send_key) {
        actions.push(Action::Send);
    }
    if clicked {
        state.wants_focus = true;
    }
    if state.wants_focus {
        ui.ctx().request_repaint();
    }
    actions
}

fn field(ui: &mut Ui, look: &Look, (state, focused, chat): (&mut Composer, bool, &str)) {
    let newline = match look.settings.send_with {
        SendKey::CtrlEnter => Modifiers::NONE,
        SendKey::Enter => Modifiers::SHIFT,
    };
    let [text1, _, text3] = look.t.text;
    let background = ui.painter().add(egui::Shape::Noop);
    let frame = Frame::new().inner_margin(Margin::symmetric(12, 10));
    let inner = frame.show(ui, |ui| {
        ui.spacing_mut().interact_size.y = Type::BODY.line;
        ScrollArea::vertical().id_salt("composer-scroll").max_height(LINES * Type::BODY.line).show(
            ui,
            |ui| {
                let mut layouter = |ui: &Ui, text: &dyn egui::TextBuffer, width: f32| {
                    let format = egui::TextFormat {
                        line_height: Some(Type::BODY.line),
                        ..egui::TextFormat::simple(Type::BODY.font(), text1)
                    };
                    let mut job = egui::text::LayoutJob::single_section(text.as_str().to_owned(), format);
                    job.wrap.max_width = width;
                    job.keep_trailing_whitespace = true;
                    ui.painter().layout_job(job)
                };
                let hint =
                    egui::RichText::new(look.text(Key::ComposeHint)).color(text3).font(Type::BODY.font());
                let name = look.fill(Key::ComposeName, &[("chat", &chat)]);
                let edit = TextEdit::multiline(&mut state.text)
                    .id(field_id())
                    .hint_text(hint)
                    .frame(Frame::NONE)
                    .margin(Margin::ZERO)
                    .desired_rows(1)
                    .desired_width(f32::INFINITY)
                    .layouter(&mut layouter)
                    .return_key(KeyboardShortcut::new(newline, Keyboard::Enter));
                let response = ui.add(edit).accessible_name(name);
                if response.changed() {
                    state.unfinished = false;
                }
            },
        );
    });
    // The frame is painted below the text once its height is known.
    let rect = inner.response.rect;
    let stroke = if focused {
        egui::Stroke::new(2.0, look.t.accent_text)
    } else {
        egui::Stroke::new(1.0, look.t.line2)
    };
    let shape = egui::epaint::RectShape::new(rect, 6, look.t.bg[2], stroke, egui::StrokeKind::Inside);
    ui.painter().set(background, shape);
}

/// The line below: which keys do what, or why nothing can be sent; and the button with its choice.
fn bottom(
    ui: &mut Ui,
    look: &Look,
    (state, can_send, reason): (&Composer, bool, Option<String>),
    actions: &mut Vec<Action>,
) -> bool {
    let [_, _, text3] = look.t.text;
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 32.0), Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        choice(ui, look, actions);
        let clicked = button(ui, look, (Kind::Primary, look.text(Key::ComposeSend), can_send));
        let clicked = match &reason {
            Some(reason) => clicked.on_hover_text(reason),
            None => clicked,
        };
        ui.add_space(SPACE);
        let keys = match look.settings.send_with {
            SendKey::CtrlEnter => Key::ComposeKeysCtrl,
            SendKey::Enter => Key::ComposeKeysEnter,
        };
        let (text, color) = match reason {
            _ if state.unfinished => (look.text(Key::ComposeComposing).to_owned(), look.t.warn),
            Some(reason) => (reason, look.t.warn),
            None => (look.text(keys).to_owned(), text3),
        };
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            if icon_button(ui, look, (icons::PLUS, look.text(Key::FileSend), 32.0)).clicked() {
                actions.push(Action::PickFiles);
            }
            ui.add(egui::Label::new(look.rich(text, Type::SMALL).color(color)).truncate());
        });
        clicked.clicked()
    })
    .inner
}

/// Which key sends: chosen where one sends.
fn choice(ui: &mut Ui, look: &Look, actions: &mut Vec<Action>) {
    let opener = icon_button(ui, look, (icons::CARET_DOWN, look.text(Key::ComposeSendWith), 28.0));
    egui::Popup::menu(&opener).show(|ui| {
        ui.set_min_width(180.0);
        for (mode, key) in
            [(SendKey::CtrlEnter, Key::SendWithCtrlEnter), (SendKey::Enter, Key::SendWithEnter)]
        {
            let text = look.rich(look.text(key), Type::BODY);
            if ui.selectable_label(look.settings.send_with == mode, text).clicked() {
                actions.push(Action::Change(Settings { send_with: mode, ..look.settings.clone() }));
                ui.close();
            }
        }
    });
}

/// Somebody types without having clicked anywhere: the text belongs here, its first letter too.
fn type_to_focus(ui: &Ui) -> bool {
    let focused = ui.memory(|memory| memory.focused());
    let elsewhere = focused.is_some_and(|id| TextEditState::load(ui.ctx(), id).is_some());
    let types = |event: &Event| matches!(event, Event::Text(text) if !text.trim().is_empty());
    !elsewhere && ui.input(|input| input.events.iter().any(types))
}
