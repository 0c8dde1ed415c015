//! The simulation, in the bounded form of the test command.
