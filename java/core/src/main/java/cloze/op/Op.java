package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;

/**
 * A differentiable operation, bound to its inputs. The record's components are the signature, its compact constructor
 * checks the shapes, and {@code forward} and {@code backward} call the backend's kernel of the same name.
 */
public sealed interface Op
        permits Add,
                Attention,
                CachedAttention,
                Conv2d,
                DropPath,
                Dropout,
                Embedding,
                GatherTokens,
                Gelu,
                LayerNorm,
                Lstm,
                MaskedL1,
                MaskedSoftmax,
                MaskedMse,
                MatMul,
                MeanPool,
                Patchify,
                RestoreTokens,
                RmsNorm,
                Rope,
                SoftTargetCrossEntropy,
                SoftmaxCrossEntropy,
                SwiGlu {
    /** The results of an op. The first is the value; the others are further values or kept for {@code backward}. */
    record Result(String name, Shape shape, DType dtype) {}

    /** The tensors that gradients can flow to. */
    List<Tensor> inputs();

    /** @param training true if {@code backward} will be called, so its inputs must be kept */
    List<Result> results(Backend backend, boolean training);

    void forward(Backend backend, List<Tensor> results, boolean training);

    void backward(Backend backend, List<Tensor> results, Gradients gradients);
}
