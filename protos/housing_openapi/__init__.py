"""Makes the OpenAPI document of the JSON routes from the contract: its comments, rules, routes and reasons of errors.

Generators for OpenAPI exist, but none reads the contract's own annotations (units, reasons of errors), and they are
programs in Go, which `make proto` would need.
"""
