package cloze.bench.ours;

import cloze.backend.Backend;
import cloze.bench.OpShape;
import cloze.bench.OpSide;
import cloze.op.Activation;
import cloze.op.Attention;
import cloze.op.AttentionMask;
import cloze.op.Gelu;
import cloze.op.Heads;
import cloze.op.LayerNorm;
import cloze.op.Lstm;
import cloze.op.MaskedSoftmax;
import cloze.op.MatMul;
import cloze.op.SoftmaxCrossEntropy;
import cloze.tensor.Tensor;

/** Our side of every {@link OpShape}. */
public final class ClozeOps {
    private static final float EPSILON = 1e-5f;

    private ClozeOps() {}

    public static OpSide of(Backend backend, OpShape shape) {
        return switch (shape) {
            case OpShape.Attention attention -> attention(backend, attention);
            case OpShape.Softmax softmax -> softmax(backend, softmax);
            case OpShape.LayerNorm norm -> layerNorm(backend, norm);
            case OpShape.Gelu gelu -> gelu(backend, gelu);
            case OpShape.CrossEntropy loss -> crossEntropy(backend, loss);
            case OpShape.AdamW step -> new AdamWSide(backend, step);
            case OpShape.Linear linear -> linear(backend, linear);
            case OpShape.Lstm lstm -> lstm(backend, lstm);
        };
    }

    private static OpSide attention(Backend backend, OpShape.Attention shape) {
        var in = new OpInputs(backend);
        Heads heads = Heads.of(shape.heads(), shape.width());
        AttentionMask mask = shape.causal() ? new AttentionMask.Causal() : new AttentionMask.None();
        Tensor qkv = in.normal("qkv", shape.b(), shape.t(), heads.fused());
        Tensor dy = in.gradient(shape.b(), shape.t(), heads.inner());
        return new ClozeOp(backend, in, () -> new Attention(qkv, heads, mask), qkv, dy);
    }

    /** With a mask that hides nothing, which libtorch's side does not have to read. */
    private static OpSide softmax(Backend backend, OpShape.Softmax shape) {
        var in = new OpInputs(backend);
        Tensor scores = in.normal("scores", shape.n(), shape.k());
        Tensor dp = in.gradient(shape.n(), shape.k());
        Tensor mask = in.same("mask", 1, shape.n(), shape.k());
        return new ClozeOp(backend, in, () -> new MaskedSoftmax(scores, mask), scores, dp);
    }

    private static OpSide layerNorm(Backend backend, OpShape.LayerNorm shape) {
        var in = new OpInputs(backend);
        Tensor x = in.normal("x", shape.n(), shape.d());
        Tensor weight = in.normal("weight", shape.d());
        Tensor bias = in.normal("bias", shape.d());
        Tensor dy = in.gradient(shape.n(), shape.d());
        return new ClozeOp(backend, in, () -> new LayerNorm(x, weight, bias, EPSILON), x, dy);
    }

    private static OpSide gelu(Backend backend, OpShape.Gelu shape) {
        var in = new OpInputs(backend);
        Activation form = shape.tanh() ? Activation.GELU_TANH : Activation.GELU_ERF;
        Tensor x = in.normal("x", shape.n(), shape.d());
        Tensor dy = in.gradient(shape.n(), shape.d());
        return new ClozeOp(backend, in, () -> new Gelu(x, form), x, dy);
    }

    private static OpSide crossEntropy(Backend backend, OpShape.CrossEntropy shape) {
        var in = new OpInputs(backend);
        Tensor logits = in.overwritten(in.normal("logits", shape.n(), shape.v()));
        Tensor targets = in.below(shape.v(), "targets", shape.n());
        return new ClozeOp(backend, in, () -> new SoftmaxCrossEntropy(logits, targets), logits, in.one());
    }

    private static OpSide linear(Backend backend, OpShape.Linear shape) {
        var in = new OpInputs(backend);
        Tensor x = in.normal("x", shape.n(), shape.k());
        Tensor weight = in.normal("weight", shape.m(), shape.k());
        Tensor bias = in.normal("bias", shape.m());
        Tensor dy = in.gradient(shape.n(), shape.m());
        return new ClozeOp(backend, in, () -> new MatMul(x, weight, bias, Activation.NONE), x, dy);
    }

    private static OpSide lstm(Backend backend, OpShape.Lstm shape) {
        var in = new OpInputs(backend);
        Tensor x = in.normal("x", shape.b(), shape.t(), shape.in());
        Tensor h = in.normal("h", shape.b(), shape.hidden());
        Tensor c = in.normal("c", shape.b(), shape.hidden());
        Tensor ofInput = in.weight("weight_ih", 4 * shape.hidden(), shape.in());
        Tensor ofHidden = in.weight("weight_hh", 4 * shape.hidden(), shape.hidden());
        Tensor bias = in.normal("bias", 4 * shape.hidden());
        Tensor dy = in.gradient(shape.b(), shape.t(), shape.hidden());
        return new ClozeOp(backend, in, () -> new Lstm(x, h, c, ofInput, ofHidden, bias), x, dy);
    }
}
