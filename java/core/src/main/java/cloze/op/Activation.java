package cloze.op;

/** Activation functions of a matrix multiplication. The code is the number that kernels use. */
public enum Activation {
    NONE(0),
    /** {@code x Phi(x)}, with the error function: BERT, ViT. */
    GELU_ERF(1),
    /** The tanh approximation of GELU: GPT-2. */
    GELU_TANH(2),
    RELU(3),
    TANH(4);

    private final int code;

    Activation(int code) {
        this.code = code;
    }

    public int code() {
        return code;
    }
}
