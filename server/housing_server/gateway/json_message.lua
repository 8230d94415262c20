-- Parses JSON as a message of the contract: objects with known fields, each at most once, with values of their types.
--
-- Unknown fields and values of another type are refused where they begin, so nesting is never deeper than the contract.
-- A shape is what `json_schema.py` derives from a message. All state belongs to one thread, and nothing here yields.

local json_text = require("json_text")
local byte, find, sub = string.byte, string.find, string.sub
local fail, fail_at, fail_syntax, fail_type = json_text.fail, json_text.fail_at, json_text.fail_syntax, json_text.fail_type
local skip_number, skip_space, skip_string = json_text.skip_number, json_text.skip_space, json_text.skip_string
local json_message = {}

local MAX_NAME_LENGTH = 200 -- longer than any name in the contract, even if each letter is an escape

local path, depth = {}, 0 -- the current position: names, and indices from 0
local serial = 0 -- numbers the objects, so that a field knows in which one it was last seen

local READERS = {} -- by kind: given a field, the text, a position and the byte there, return the position after the value

function READERS.number(_, text, pos)
  return skip_number(text, pos, "must be a number")
end

function READERS.integer(field, text, pos)
  local stop = skip_number(text, pos, field.expected)
  local value = tonumber(sub(text, pos, stop - 1))
  if value % 1 ~= 0 or value < field.minimum or value > field.maximum then
    fail("json.number", field.expected)
  end
  return stop
end

function READERS.string(_, text, pos, b)
  if b ~= 34 then
    fail_type(text, pos, "must be a string")
  end
  return skip_string(text, pos + 1)
end

function READERS.boolean(_, text, pos, b)
  local word = b == 116 and "true" or "false"
  if sub(text, pos, pos + #word - 1) ~= word then
    fail_type(text, pos, "must be true or false")
  end
  return pos + #word
end

function READERS.enum(field, text, pos, b)
  if b ~= 34 then
    fail_type(text, pos, field.expected)
  end
  local stop = skip_string(text, pos + 1)
  if not field.values[sub(text, pos + 1, stop - 2)] then
    fail("json.type", field.expected)
  end
  return stop
end

-- Return a name that is spelt with escapes. Names are ASCII: other characters become `?`.
local function unescaped(inside)
  return (inside:gsub("\\u(%x%x%x%x)", function(hex)
    local code = tonumber(hex, 16)
    return code < 128 and string.char(code) or "?"
  end))
end

-- Return the edit distance of two words.
local function distance(one, other)
  local row = {}
  for column = 0, #other do
    row[column] = column
  end
  for line = 1, #one do
    local diagonal = row[0]
    row[0] = line
    for column = 1, #other do
      local change = byte(one, line) == byte(other, column) and 0 or 1
      diagonal, row[column] = row[column], math.min(diagonal + change, row[column] + 1, row[column - 1] + 1)
    end
  end
  return row[#other]
end

local function letters(name)
  return (name:lower():gsub("[^%w]", ""))
end

-- Refuse an object for an unknown field; suggest the field that may have been meant, or list all.
local function fail_unknown(shape, name)
  if name == shape.within then
    fail("json.unknown_field", ("must be the content of `%s`, without that name around it"):format(name))
  end
  local nearest, least, names = nil, math.huge, {}
  for index, field in ipairs(shape.fields) do
    names[index] = field.name
    local steps = distance(letters(name), letters(field.name))
    if steps < least and steps * 3 <= #field.name then
      nearest, least = field.name, steps
    end
  end
  if nearest then
    fail("json.unknown_field", ("has an unknown field: did you mean `%s`?"):format(nearest))
  end
  fail("json.unknown_field", "has an unknown field; its fields are " .. table.concat(names, ", "))
end

-- Return the field of a name whose opening quote has been read, and the position after the name.
local function read_name(shape, text, pos)
  local stop = find(text, '"', pos, true)
  local field = stop and shape.by_name[sub(text, pos, stop - 1)]
  if field then
    return field, stop + 1
  elseif stop and stop - pos > MAX_NAME_LENGTH then
    fail_unknown(shape, "")
  end
  stop = skip_string(text, pos)
  local name = unescaped(sub(text, pos, stop - 2))
  return shape.by_name[name] or fail_unknown(shape, name), stop
end

local function read_list(field, text, pos, b)
  if b ~= 91 then
    fail_type(text, pos, "must be an array")
  end
  local level, index = depth + 1, 0
  pos, b = skip_space(text, pos + 1)
  if b == 93 then
    return pos + 1
  end
  while true do
    path[level], depth = index, level
    pos, b = skip_space(text, field.read(field, text, pos, b))
    depth = level - 1
    if b == 93 then
      return pos + 1
    elseif b ~= 44 then
      fail_syntax(text, pos, "a comma or `]`")
    end
    pos, b = skip_space(text, pos + 1)
    if b == 93 then
      fail_at(text, pos, "json.syntax", "no trailing comma is allowed before `]`")
    end
    index = index + 1
  end
end

-- Read the value of a field; `null` leaves it unset.
local function read_value(field, text, pos, b)
  if b == 110 and sub(text, pos, pos + 3) == "null" then
    return pos + 4
  elseif field.list then
    return read_list(field, text, pos, b)
  end
  return field.read(field, text, pos, b)
end

-- Read the name of a field, which must be its first occurrence in the object, and the colon.
local function read_key(shape, text, pos, this)
  local field, b
  field, pos = read_name(shape, text, pos)
  depth = depth + 1
  path[depth] = field.name
  if field.seen == this then
    fail("json.duplicate_field", "is given twice")
  end
  field.seen = this
  pos, b = skip_space(text, pos)
  if b ~= 58 then
    fail_syntax(text, pos, "a colon")
  end
  return field, skip_space(text, pos + 1)
end

-- Read the fields of a non-empty object, and the closing brace.
local function read_fields(shape, text, pos, b)
  serial = serial + 1
  local level, this, field = depth, serial, nil
  while true do
    if b ~= 34 then
      fail_syntax(text, pos, "a name in double quotes")
    end
    field, pos, b = read_key(shape, text, pos + 1, this)
    pos, b = skip_space(text, read_value(field, text, pos, b))
    depth = level
    if b == 125 then
      return pos + 1
    elseif b ~= 44 then
      fail_syntax(text, pos, "a comma or `}`")
    end
    pos, b = skip_space(text, pos + 1)
    if b == 125 then
      fail_at(text, pos, "json.syntax", "no trailing comma is allowed before `}`")
    end
  end
end

function READERS.message(field, text, pos, b)
  if b ~= 123 then
    fail_type(text, pos, "must be an object")
  end
  pos, b = skip_space(text, pos + 1)
  return b == 125 and pos + 1 or read_fields(field.shape, text, pos, b)
end

-- Prepare a shape for parsing: index its fields by either name, and set their readers.
function json_message.prepare(shape)
  shape.by_name = {}
  for _, field in ipairs(shape.fields) do
    field.read = READERS[field.kind]
    shape.by_name[field.name], shape.by_name[field.json_name] = field, field
    if field.shape then
      json_message.prepare(field.shape)
    end
  end
end

-- Parse a whole document as one message; raise errors as `json_text` does.
function json_message.read(shape, text)
  depth = 0
  if sub(text, 1, 3) == "\239\187\191" then
    fail("json.encoding", "must be UTF-8 without a byte-order mark")
  end
  local pos, b = skip_space(text, 1)
  if b == nil then
    fail("json.syntax", "must be a JSON object, and is empty")
  end
  pos, b = skip_space(text, READERS.message({ shape = shape }, text, pos, b))
  if b ~= nil then
    fail_at(text, pos, "json.syntax", "nothing may follow the JSON object")
  end
end

-- Return the path of the value at which parsing has failed, for example `block_groups[17].latitude`.
function json_message.path()
  local joined = ""
  for level = 1, depth do
    local step = path[level]
    joined = joined .. (type(step) == "number" and ("[%d]"):format(step) or (joined == "" and "" or ".") .. step)
  end
  return joined
end

return json_message
