#include "destination/snowflake/encode/json_string.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace luge {

namespace {

static_assert(std::endian::native == std::endian::little, "the first byte in memory is the lowest of a word");

constexpr std::uint64_t repeated(std::uint64_t byte) { return byte * 0x0101010101010101ULL; }

/// Bit 7 of the lowest special byte is the lowest bit set; 0: none. (Bytes above it may be marked wrongly: a borrow runs upwards.)
template <class Word>
Word special_bits(Word word) {
  constexpr auto kOnes = static_cast<Word>(repeated(1));
  constexpr auto kHighs = static_cast<Word>(repeated(0x80));
  const Word quote = word ^ static_cast<Word>(repeated('"'));
  const Word backslash = word ^ static_cast<Word>(repeated('\\'));
  const Word control = static_cast<Word>((word - static_cast<Word>(repeated(0x20))) & ~word);
  return static_cast<Word>((((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash) | control) & kHighs);
}

bool is_special(char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == '"' || byte == '\\'; }

template <class Word>
Word load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

#if defined(__SSE2__)
unsigned special_mask(__m128i block) {
  const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
  const __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1F)), block);
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)));
}
#endif

char* write_escape(char byte, char* to) {
  const auto escape = [to](char letter) {
    to[0] = '\\';
    to[1] = letter;
    return to + 2;
  };
  switch (byte) {
    case '"': return escape('"');
    case '\\': return escape('\\');
    case '\n': return escape('n');
    case '\r': return escape('r');
    case '\t': return escape('t');
    case '\b': return escape('b');
    case '\f': return escape('f');
    default: break;
  }
  constexpr char kHex[] = "0123456789abcdef";
  std::memcpy(to, "\\u00", 4);
  to[4] = kHex[static_cast<unsigned char>(byte) >> 4];
  to[5] = kHex[static_cast<unsigned char>(byte) & 15];
  return to + 6;
}

/// Copies and looks in one pass: whole blocks are stored before it is known how much of them counts.
char* write_escaped(const char* from, const char* end, char* to) {
  const auto escape_at = [&](unsigned clean) {
    from += clean;
    to = write_escape(*from++, to + clean);
  };
#if defined(__SSE2__)
  while (end - from >= 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), block);
    const unsigned mask = special_mask(block);
    if (mask == 0) {
      from += 16;
      to += 16;
    } else {
      escape_at(static_cast<unsigned>(std::countr_zero(mask)));
    }
  }
#endif
  while (end - from >= 8) {
    const auto word = load<std::uint64_t>(from);
    std::memcpy(to, &word, sizeof word);
    const std::uint64_t special = special_bits(word);
    if (special == 0) {
      from += 8;
      to += 8;
    } else {
      escape_at(static_cast<unsigned>(std::countr_zero(special)) / 8);
    }
  }
  if (end - from >= 4) {
    const auto word = load<std::uint32_t>(from);
    if (special_bits(word) == 0) {
      std::memcpy(to, &word, sizeof word);
      from += 4;
      to += 4;
    }
  }
  for (; from < end; ++from) {
    if (is_special(*from)) [[unlikely]] {
      to = write_escape(*from, to);
    } else {
      *to++ = *from;
    }
  }
  return to;
}

}  // namespace

const char* find_special(const char* from, const char* end) {
#if defined(__SSE2__)
  for (; end - from >= 16; from += 16) {
    const unsigned mask = special_mask(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    if (mask != 0) return from + std::countr_zero(mask);
  }
#endif
  for (; end - from >= 8; from += 8) {
    const std::uint64_t special = special_bits(load<std::uint64_t>(from));
    if (special != 0) return from + std::countr_zero(special) / 8;
  }
  return std::find_if(from, end, is_special);
}

void write_json_string(std::string_view text, JsonOutput& out) {
  // In pieces, so that a long text does not ask for room as if every byte became six.
  constexpr std::size_t kPiece = 4096;
  constexpr std::size_t kLongestEscape = 6;
  const char* from = text.data();
  const char* const end = from + text.size();
  out.room(1);
  out.put('"');
  do {
    const std::size_t piece = std::min(static_cast<std::size_t>(end - from), kPiece);
    out.room(piece * kLongestEscape + 1);
    out.at = write_escaped(from, from + piece, out.at);
    from += piece;
  } while (from < end);
  out.put('"');
}

}  // namespace luge
