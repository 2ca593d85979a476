//! From a request to its response: asks the plan, combines its decision with the bytes of the file,
//! and suspends a request that has to wait.

pub(crate) mod answered;
mod choice;
pub(crate) mod endpoint;
mod live;
pub(crate) mod responder;
pub(crate) mod response;
pub(crate) mod served;
pub(crate) mod site_figures;
pub(crate) mod sites;
pub(crate) mod suspended;

#[cfg(test)]
mod tests;
