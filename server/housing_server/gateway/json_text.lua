-- Tokenizes JSON byte by byte, which LuaJIT compiles; patterns are used only on the way to an error. Each `skip` function
-- returns the position after its token, or raises an error: a table of `reason` and `description`, which repeats nothing of
-- the text.

local byte, find, sub = string.byte, string.find, string.sub
local json_text = {}

local MAX_NUMBER_LENGTH = 100 -- a double needs 25; Envoy's own reader takes quadratic time for a long one

local HINTS = { -- by the unexpected byte
  [39] = "quotes are double quotes",
  [35] = "comments are not JSON",
  [47] = "comments are not JSON",
  [43] = "numbers have no leading plus sign",
  [46] = "numbers begin with a digit",
}
local ESCAPES = {} -- by the letter after a backslash
for letter in ('"\\/bfnrt'):gmatch(".") do
  ESCAPES[byte(letter)] = true
end
local HEX_DIGITS = {} -- by byte
for digit = 0, 15 do
  HEX_DIGITS[byte(("%x"):format(digit))] = digit
  HEX_DIGITS[byte(("%X"):format(digit))] = digit
end

-- Return line and column of a position, both from 1; columns are characters.
local function place(text, pos)
  local line, column = 1, 1
  for at = 1, pos - 1 do
    local b = byte(text, at)
    if b == 10 then
      line, column = line + 1, 1
    elseif b < 128 or b > 191 then
      column = column + 1
    end
  end
  return (", at line %d, column %d"):format(line, column)
end

-- Refuse the value that is being read.
local function fail(reason, description)
  error({ reason = reason, description = description }, 0)
end
json_text.fail = fail

-- Refuse the token at a position.
local function fail_at(text, pos, reason, description)
  fail(reason, description .. place(text, pos))
end
json_text.fail_at = fail_at

-- Refuse the token at a position as malformed JSON.
local function fail_syntax(text, pos, expected)
  local hint = HINTS[byte(text, pos)]
  if pos > #text then
    hint = "the document ends too early"
  elseif not hint and find(text, "^-?[NI]", pos) then
    hint = "NaN and Infinity are not JSON"
  end
  fail_at(text, pos, "json.syntax", (hint and hint .. ": " or "") .. expected .. " is expected")
end
json_text.fail_syntax = fail_syntax

-- Refuse a value of the wrong type, or a malformed one.
local function fail_type(text, pos, expected)
  local word = text:match("^%a+", pos)
  if find(text, '^[%[{"]', pos) or find(text, "^-?%d", pos) or word == "true" or word == "false" then
    fail("json.type", expected)
  elseif word == "null" then -- in a list, or as the whole body; the value of a field may be null
    fail("json.type", expected .. ", not null")
  end
  fail_syntax(text, pos, "a JSON value")
end
json_text.fail_type = fail_type

-- Skip white space; return the byte after it as well.
function json_text.skip_space(text, pos)
  local b = byte(text, pos)
  while b == 32 or b == 10 or b == 13 or b == 9 do
    pos = pos + 1
    b = byte(text, pos)
  end
  return pos, b
end

-- Skip one or more digits; return the byte after them as well.
local function skip_digits(text, pos)
  local start, b = pos, byte(text, pos)
  while b and b >= 48 and b <= 57 do
    pos = pos + 1
    b = byte(text, pos)
  end
  if pos == start then
    fail_syntax(text, pos, "a digit")
  end
  return pos, b
end

-- Skip the integer part of a number.
local function skip_whole(text, start, expected)
  local pos, b = start, byte(text, start)
  if b == 45 then
    pos = pos + 1
    b = byte(text, pos)
  end
  if b == nil or b < 48 or b > 57 then
    fail_type(text, start, expected)
  elseif b ~= 48 then
    return skip_digits(text, pos)
  end
  b = byte(text, pos + 1)
  if b and b >= 48 and b <= 57 then
    fail_at(text, pos, "json.syntax", "numbers have no leading zeros")
  end
  return pos + 1, b
end

-- Skip a number. expected: the description of the error if there is something else.
function json_text.skip_number(text, start, expected)
  local pos, b = skip_whole(text, start, expected)
  if b == 46 then
    pos, b = skip_digits(text, pos + 1)
  end
  local exponent = b == 101 or b == 69
  if exponent then
    b = byte(text, pos + 1)
    pos = skip_digits(text, (b == 43 or b == 45) and pos + 2 or pos + 1)
  end
  if pos - start > MAX_NUMBER_LENGTH then
    fail("json.number", ("must be a number of at most %d characters"):format(MAX_NUMBER_LENGTH))
  end
  local value = exponent and tonumber(sub(text, start, pos - 1)) -- nil when the exponent is absurd
  if exponent and (not value or math.abs(value) == math.huge) then
    fail("json.number", "must be within the range of a double")
  end
  return pos
end

-- Skip a non-ASCII character, by the table of well-formed UTF-8 byte sequences.
local function skip_wide(text, pos)
  local first, second, third, fourth = byte(text, pos, pos + 3)
  second, third, fourth = second or 0, third or 0, fourth or 0
  local low = first == 0xE0 and 0xA0 or first == 0xF0 and 0x90 or 0x80
  local high = first == 0xED and 0x9F or first == 0xF4 and 0x8F or 0xBF
  if first >= 0xC2 and first <= 0xF4 and second >= low and second <= high then
    if first < 0xE0 then
      return pos + 2
    elseif third >= 0x80 and third <= 0xBF then
      if first < 0xF0 then
        return pos + 3
      elseif fourth >= 0x80 and fourth <= 0xBF then
        return pos + 4
      end
    end
  end
  fail_at(text, pos, "json.encoding", "text must be UTF-8")
end

-- Return the value of four hexadecimal digits; nil if they are not.
local function hex_number(text, pos)
  local number = 0
  for at = pos, pos + 3 do
    local digit = HEX_DIGITS[byte(text, at)]
    if not digit then
      return nil
    end
    number = number * 16 + digit
  end
  return number
end

-- Skip an escape, or a surrogate pair of escapes.
local function skip_escape(text, pos)
  local letter = byte(text, pos + 1)
  if ESCAPES[letter] then
    return pos + 2
  end
  local code = letter == 117 and hex_number(text, pos + 2)
  if not code then
    fail_at(text, pos, "json.syntax", "unknown escape")
  elseif code < 0xD800 or code > 0xDFFF then
    return pos + 6
  end
  local is_pair = code < 0xDC00 and byte(text, pos + 6) == 92 and byte(text, pos + 7) == 117
  local second = is_pair and hex_number(text, pos + 8)
  if not second or second < 0xDC00 or second > 0xDFFF then
    fail_at(text, pos, "json.encoding", "a surrogate must be part of a pair")
  end
  return pos + 12
end

-- Skip the rest of a string whose opening quote has been read.
function json_text.skip_string(text, pos)
  while true do
    local b = byte(text, pos)
    if b == 34 then
      return pos + 1
    elseif b == 92 then
      pos = skip_escape(text, pos)
    elseif b == nil then
      fail_syntax(text, pos, "a closing quote")
    elseif b < 32 then
      fail_at(text, pos, "json.syntax", "control characters in strings must be escaped")
    elseif b < 128 then
      pos = pos + 1
    else
      pos = skip_wide(text, pos)
    end
  end
end

return json_text
