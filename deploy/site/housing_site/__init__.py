"""Build the site of the documents with MkDocs: links, diagrams, and pages made from the code."""
