//! Acting on many at once: what is selected in the grid and in the list, each by its own request, each with its own end.

use maud::{Markup, html};

/// The bar that shows itself once something is selected.
pub(super) fn many(dag: &str) -> Markup {
    html! {
        aside.many id="many" data-dag=(dag) hidden aria-label="What is selected" {
            div.row {
                strong id="many-count" aria-live="polite" {}
                button type="button" data-many="retry" { "Retry" }
                button type="button" data-many="cancel" { "Cancel runs" }
                label { span.unseen { "Mark as" } select id="many-state" {
                    option value="succeeded" { "succeeded" }
                    option value="failed" { "failed" }
                    option value="skipped" { "skipped" }
                } }
                button type="button" data-many="mark" { "Mark cells" }
                button type="button" data-many="clear" { "Clear" }
            }
            div id="many-plan" hidden {
                p id="many-said" {}
                pre id="many-commands" tabindex="0" role="region" aria-label="The same by the CLI" {}
                div.row {
                    button.grave type="button" id="many-sure" { "Do it" }
                    button type="button" id="many-not" { "Do not" }
                }
            }
            ol id="many-ends" hidden {}
        }
    }
}
