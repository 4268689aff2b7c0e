package cloze.model;

/** How the tokens of an image are pooled into one vector. */
public enum Pooling {
    /** The mean of the patches' tokens. */
    MEAN,
    /** The class token. */
    CLASS_TOKEN
}
