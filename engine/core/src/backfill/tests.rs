//! Every tick once, none forgotten, in order, never more at once than was said.

use proptest::prelude::*;

use super::*;
