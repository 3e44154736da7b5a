//! What a data directory holds.

use std::path::Path;

use anyhow::ensure;

use crate::data_dir::DATABASE;

/// That a directory is one that a server has run on.
pub(super) fn ensure_data(dir: &Path) -> anyhow::Result<()> {
    ensure!(
        dir.join(DATABASE).exists(),
        "{} holds no data of a Sotto server: there is no {DATABASE} in it",
        dir.display()
    );
    Ok(())
}

pub(super) fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}
