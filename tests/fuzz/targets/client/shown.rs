//! What a window would show: each room in its order, each message once.

use std::collections::HashSet;

use sotto_client::{Entry, Room, Rooms, What};

pub fn check(rooms: &Rooms) {
    rooms.order().iter().filter_map(|audience| rooms.get(audience)).for_each(check_room);
    let mut cids = HashSet::new();
    assert!(rooms.waiting().all(|outgoing| cids.insert(outgoing.cid)), "on its way twice");
}

fn check_room(room: &Room) {
    let entries: Vec<&Entry> = room.timeline().iter().collect();
    let whole = || entries.iter().map(|entry| (entry.place, &entry.what)).collect::<Vec<_>>();
    assert!(entries.is_sorted_by(|one, next| one.place < next.place), "not in order: {:?}", whole());
    // Where the last of those that have a seq ends.
    let mut end = None;
    let mut asides = HashSet::new();
    for entry in entries {
        let seq = entry.place.seq();
        let last = match &entry.what {
            What::Message { .. } => seq,
            What::Gap { to } => to.get(),
            What::Aside { conv, seq, .. } => {
                assert!(asides.insert((*conv, *seq)), "said twice: {conv} {seq}");
                continue;
            }
            What::Presence { .. } => continue,
        };
        assert!(
            end.is_none_or(|end| end < seq) && seq <= last && last < room.timeline().next(),
            "{seq} to {last} after {end:?}"
        );
        end = Some(last);
    }
}
