//! The words by which people say "no more" in an ordinary message.
//!
//! A message counts only when it says nothing else: "stop" is a wish, "please don't stop" is a sentence. Words that
//! answer other questions too (cancel, end, quit, no) are deliberately absent; telephone carriers act on those themselves.
//! To add a language, add its line.

/// Longer than any keyword, in bytes; everything above is a sentence.
const KEYWORD_BYTES_MAX: usize = 64;

/// Lower case, words apart by one space. One line per language; the first is English.
const KEYWORDS: &[&str] = &[
    "stop",
    "stopall",
    "stop all",
    "unsubscribe",
    "optout",
    "opt out",
    "opt-out",
    "remove me",
    "arrêt",
    "arret",
    "arrêter",
    "arreter",
    "arrêtez",
    "désabonner",
    "desabonner",
    "désinscription",
    "desinscription",
    "baja",
    "dar de baja",
    "darme de baja",
    "parar",
    "detener",
    "desuscribir",
    "desuscribirme",
    "sair",
    "descadastrar",
    "cancelar inscrição",
    "cancelar inscricao",
    "stopp",
    "abmelden",
    "abbestellen",
    "austragen",
    "afmelden",
    "uitschrijven",
    "disiscriviti",
    "disiscrivimi",
    "cancellami",
    "avregistrera",
    "avsluta prenumeration",
    "avmeld",
    "afmeld",
    "peruuta tilaus",
    "wypisz",
    "wypisz mnie",
    "odhlásit",
    "odhlasit",
    "odhlásiť",
    "leiratkozás",
    "leiratkozas",
    "dezabonare",
    "стоп",
    "отписаться",
    "отписка",
    "відписатися",
    "durdur",
    "üyelikten çık",
    "abonelikten çık",
    "berhenti",
    "berhenti langganan",
    "hentikan",
    "acha",
    "simama",
    "staak",
    "teken uit",
    "misa",
    "توقف",
    "إيقاف",
    "ايقاف",
    "إلغاء الاشتراك",
    "الغاء الاشتراك",
    "הסר",
    "הסירו",
    "עצור",
    "रोकें",
    "बंद करें",
    "退订",
    "退訂",
    "取消订阅",
    "取消訂閱",
    "配信停止",
    "수신거부",
    "구독취소",
    "เลิกติดตาม",
    "ngừng",
    "hủy đăng ký",
];

/// Does this message, as a whole, ask for no more messages?
pub fn asks_to_stop(text: &str) -> bool {
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    if bare.is_empty() || bare.len() > KEYWORD_BYTES_MAX {
        return false;
    }
    let words: Vec<String> = bare.split_whitespace().map(str::to_lowercase).collect();
    KEYWORDS.contains(&words.join(" ").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_alone_is_a_wish_in_any_case_and_dress() {
        for text in [
            "stop",
            "STOP",
            " Stop! ",
            "\"stop\"",
            "STOP 🛑",
            "Opt  Out",
            "ARRÊT",
            "Стоп.",
            "BERHENTI",
            "退订",
            "रोकें",
            "توقف",
        ] {
            assert!(asks_to_stop(text), "{text}");
        }
    }

    #[test]
    fn a_sentence_with_a_keyword_is_a_sentence() {
        for text in [
            "",
            "!!!",
            "please don't stop",
            "stop by at five",
            "stops",
            "non-stop",
            "end",
            "cancel",
            "no",
            &"stop ".repeat(40),
        ] {
            assert!(!asks_to_stop(text), "{text}");
        }
    }

    #[test]
    fn every_keyword_is_written_as_it_is_compared() {
        for keyword in KEYWORDS {
            assert!(asks_to_stop(keyword) && keyword.len() <= KEYWORD_BYTES_MAX, "{keyword}");
        }
    }
}
