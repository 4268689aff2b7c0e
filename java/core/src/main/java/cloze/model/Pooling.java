package cloze.model;

/** The pooling of an image's tokens into one vector. */
public enum Pooling {
    /** The mean of the patches' tokens. */
    MEAN,
    /** The class token. */
    CLASS_TOKEN
}
