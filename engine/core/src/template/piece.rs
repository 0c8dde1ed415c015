//! Texts, split into what stands as it is and the expressions between `{{` and `}}`.
//!
//! Guarantees: an expression that is handed out has a syntax tree of bounded depth; positions are bytes of the whole
//! text. Never: a statement, a comment or white-space control.

use std::ops::Range;

use minijinja::machinery::ast::Expr;
use minijinja::machinery::{Token, Tokenizer, parse_expr};
use minijinja::syntax::SyntaxConfig;

use super::error::{Fault, TemplateError};
use super::limits::{MAX_DEPTH, MAX_EXPRESSIONS, MAX_TEXT, MAX_TOKENS};

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// It stands as it is.
    Text(&'a str),
    /// An expression, and the byte of the text at which it begins.
    Expression(&'a str, usize),
}

/// Whether a text holds templates.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{")
}

/// The pieces of a text.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    if text.len() > MAX_TEXT {
        return Err(Fault::Limit("a text with templates is larger than 1 MiB").at(0..0));
    }
    let mut pieces = Vec::new();
    let (mut at, mut expressions) = (0, 0);
    while let Some(found) = text[at..].find("{{") {
        let open = at + found;
        push_text(&mut pieces, text, at..open)?;
        let (source, end) = expression(text, open)?;
        pieces.push(Piece::Expression(source, open + 2));
        at = end;
        expressions += 1;
        if expressions > MAX_EXPRESSIONS {
            return Err(Fault::Limit("a text has more than 4096 expressions").at(open..open + 2));
        }
    }
    push_text(&mut pieces, text, at..text.len())?;
    Ok(pieces)
}

fn push_text<'a>(
    pieces: &mut Vec<Piece<'a>>,
    text: &'a str,
    range: Range<usize>,
) -> Result<(), TemplateError> {
    let part = &text[range.clone()];
    refuse_blocks(part, range.start)?;
    if !part.is_empty() {
        pieces.push(Piece::Text(part));
    }
    Ok(())
}

/// Statements and comments, which would be passed on as text without anybody noticing.
pub(super) fn refuse_blocks(text: &str, offset: usize) -> Result<(), TemplateError> {
    const STATEMENT: &str = "templates have no statements `{% … %}`";
    const COMMENT: &str = "templates have no comments `{# … #}`";
    for (open, close, message) in [("{%", "%}", STATEMENT), ("{#", "#}", COMMENT)] {
        let Some(start) = text.find(open) else {
            continue;
        };
        if let Some(length) = text[start + 2..].find(close) {
            let range = offset + start..offset + start + length + 4;
            return Err(Fault::Refused(message).at(range));
        }
    }
    Ok(())
}

/// The expression that opens at a byte, and the byte after its `}}`.
fn expression(text: &str, open: usize) -> Result<(&str, usize), TemplateError> {
    const SPACING: Fault = Fault::Refused("templates have no white-space control `{{-` or `-}}`");
    let start = open + 2;
    if text[start..].starts_with(['-', '+']) {
        return Err(SPACING.at(open..start + 1));
    }
    let close = measure(&text[start..], start)?
        .ok_or_else(|| Fault::Syntax("`{{` without its `}}`".to_owned()).at(open..start))?;
    let close = start + close.start..start + close.end;
    if close.len() != 2 {
        return Err(SPACING.at(close));
    }
    Ok((&text[start..close.start], close.end))
}

/// Reads tokens up to `}}` or the end, and counts those that make a syntax tree deep.
fn measure(source: &str, offset: usize) -> Result<Option<Range<usize>>, TemplateError> {
    let mut tokenizer = Tokenizer::new(source, "", true, SyntaxConfig::default());
    let (mut tokens, mut depth) = (0, 0);
    while let Some((token, span)) = tokenizer
        .next_token()
        .map_err(|error| syntax(&error, source, offset))?
    {
        if matches!(token, Token::VariableEnd) {
            return Ok(Some(span.start_offset as usize..span.end_offset as usize));
        }
        tokens += 1;
        depth += usize::from(deepens(&token));
        if tokens > MAX_TOKENS || depth > MAX_DEPTH {
            return Err(Fault::Limit("the expression is too long or too deep").at(offset..offset));
        }
    }
    Ok(None)
}

fn deepens(token: &Token<'_>) -> bool {
    match token {
        Token::Ident(word) => matches!(*word, "not" | "and" | "or" | "if" | "else" | "is" | "in"),
        Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::FloorDiv
        | Token::Pow
        | Token::Mod
        | Token::Dot
        | Token::Tilde
        | Token::Pipe
        | Token::BracketOpen
        | Token::ParenOpen
        | Token::BraceOpen => true,
        _ => false,
    }
}

/// The syntax tree of an expression that was cut out of a text.
pub(super) fn parse(source: &str, offset: usize) -> Result<Expr<'_>, TemplateError> {
    parse_expr(source).map_err(|error| syntax(&error, source, offset))
}

/// The syntax tree of an expression that stands alone.
pub(super) fn parse_alone(source: &str) -> Result<Expr<'_>, TemplateError> {
    let lead = source.len() - source.trim_start().len();
    if source[lead..].starts_with("{{") {
        let fault = Fault::Syntax("an expression stands without `{{` and `}}`".to_owned());
        return Err(fault.at(lead..source.len()));
    }
    if let Some(close) = measure(source, 0)? {
        return Err(Fault::Syntax("unexpected `}}`".to_owned()).at(close));
    }
    parse(source, 0)
}

fn syntax(error: &minijinja::Error, source: &str, offset: usize) -> TemplateError {
    let range = error.range().unwrap_or(0..source.len());
    // The reader counts bytes where it stops, which may be within a character.
    let start = source.floor_char_boundary(range.start);
    let end = source.ceil_char_boundary(range.end.max(start));
    let message = error.detail().unwrap_or("the expression cannot be read");
    Fault::Syntax(message.to_owned()).at(offset + start..offset + end)
}
