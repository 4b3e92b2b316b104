package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// describe is a value in JSON that says of what type it is; tests/interop/messages/described.ts has the forms.
func describe(value any) any {
	switch v := value.(type) {
	case nil:
		return nil
	case time.Time:
		return map[string]any{"time": strconv.FormatInt(v.UnixNano(), 10)}
	case *time.Time:
		return map[string]any{"time": strconv.FormatInt(v.UnixNano(), 10)}
	case big.Int:
		return map[string]any{"int": v.String()}
	case cbor.Tag:
		return map[string]any{"tag": v.Number, "value": describe(v.Content)}
	case described:
		return v.describe()
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return describe(v.Elem().Interface())
	case reflect.Bool:
		return v.Bool()
	case reflect.String:
		return v.String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return map[string]any{"int": strconv.FormatInt(v.Int(), 10)}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"int": strconv.FormatUint(v.Uint(), 10)}
	case reflect.Float32, reflect.Float64:
		return describeFloat(v.Float())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return map[string]any{"bytes": hex.EncodeToString(v.Bytes())}
		}
		list := make([]any, v.Len())
		for index := range list {
			list[index] = describe(v.Index(index).Interface())
		}
		return list
	case reflect.Map:
		entries := make([]any, 0, v.Len())
		for _, key := range v.MapKeys() {
			entries = append(entries, []any{describe(key.Interface()), describe(v.MapIndex(key).Interface())})
		}
		return map[string]any{"map": entries}
	case reflect.Struct:
		entries := make([]any, 0, v.NumField())
		for index := range v.NumField() {
			name := v.Type().Field(index).Tag.Get("json")
			entries = append(entries, []any{name, describe(v.Field(index).Interface())})
		}
		return map[string]any{"map": entries}
	}
	return fmt.Sprintf("a %T", value)
}

// described describes itself.
type described interface{ describe() any }

func describeFloat(value float64) any {
	return map[string]any{"float": fmt.Sprintf("%016x", math.Float64bits(value))}
}

// form is what JSON a description may be.
type form struct {
	Int   *string               `json:"int"`
	Float *string               `json:"float"`
	Bytes *string               `json:"bytes"`
	Time  *string               `json:"time"`
	Map   *[][2]json.RawMessage `json:"map"`
	Tag   uint64                `json:"tag"`
	Value json.RawMessage       `json:"value"`
}

// made is the value that is described: int64 or uint64, float64, string, []byte, time.Time, []any, map[any]any.
func made(description json.RawMessage) (any, error) {
	switch description[0] {
	case 'n', 't', 'f', '"':
		var plain any
		return plain, json.Unmarshal(description, &plain)
	case '[':
		var items []json.RawMessage
		if err := json.Unmarshal(description, &items); err != nil {
			return nil, err
		}
		list := make([]any, len(items))
		for index, item := range items {
			value, err := made(item)
			if err != nil {
				return nil, err
			}
			list[index] = value
		}
		return list, nil
	}
	var f form
	if err := json.Unmarshal(description, &f); err != nil {
		return nil, err
	}
	switch {
	case f.Int != nil:
		if value, err := strconv.ParseInt(*f.Int, 10, 64); err == nil {
			return value, nil
		}
		if value, err := strconv.ParseUint(*f.Int, 10, 64); err == nil {
			return value, nil
		}
		value, _ := new(big.Int).SetString(*f.Int, 10)
		return value, nil
	case f.Float != nil:
		bits, err := strconv.ParseUint(*f.Float, 16, 64)
		return math.Float64frombits(bits), err
	case f.Bytes != nil:
		return hex.DecodeString(*f.Bytes)
	case f.Time != nil:
		nanos, err := strconv.ParseInt(*f.Time, 10, 64)
		return time.Unix(0, nanos).UTC(), err
	case f.Map != nil:
		entries := map[any]any{}
		for _, entry := range *f.Map {
			key, err := made(entry[0])
			if err != nil {
				return nil, err
			}
			if entries[key], err = made(entry[1]); err != nil {
				return nil, err
			}
		}
		return entries, nil
	case f.Value != nil:
		content, err := made(f.Value)
		return cbor.Tag{Number: f.Tag, Content: content}, err
	}
	return nil, fmt.Errorf("not a description: %s", description)
}

// A record has a field of each type that programs declare.
type record struct {
	Int64   int64            `json:"int64" msgpack:"int64" cbor:"int64"`
	Uint64  uint64           `json:"uint64" msgpack:"uint64" cbor:"uint64"`
	Float64 float64          `json:"float64" msgpack:"float64" cbor:"float64"`
	Text    string           `json:"text" msgpack:"text" cbor:"text"`
	Bytes   []byte           `json:"bytes" msgpack:"bytes" cbor:"bytes"`
	Flag    bool             `json:"flag" msgpack:"flag" cbor:"flag"`
	List    []int64          `json:"list" msgpack:"list" cbor:"list"`
	Map     map[string]int64 `json:"map" msgpack:"map" cbor:"map"`
	Maybe   *string          `json:"maybe" msgpack:"maybe" cbor:"maybe"`
}

// typed is a new value of the type, to be read into.
func typed(as string) (any, error) {
	switch as {
	case "any":
		return new(any), nil
	case "int64":
		return new(int64), nil
	case "uint64":
		return new(uint64), nil
	case "float64":
		return new(float64), nil
	case "time", "default-time":
		return new(time.Time), nil
	case "record":
		return new(record), nil
	}
	return nil, fmt.Errorf("there is no type %s", as)
}
