package cloze.bench.peer;

import static cloze.bench.peer.TorchParameters.optional;
import static org.bytedeco.pytorch.global.torch.gelu;
import static org.bytedeco.pytorch.global.torch.layer_norm;
import static org.bytedeco.pytorch.global.torch.scaled_dot_product_attention;

import cloze.bench.Stack;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** A pre-norm transformer block: causal and with the tanh GELU for GPT-2, neither for ViT. */
record TorchBlock(
        Affine norm1, Affine qkv, Affine projection, Affine norm2, Affine expand, Affine contract, Make make) {
    private static final double EPSILON = 1e-5;

    /** A weight and a bias. */
    record Affine(Tensor weight, Tensor bias) {
        static Affine norm(TorchParameters p, String name, long width) {
            return new Affine(p.of(name + ".weight", width), p.of(name + ".bias", width));
        }

        static Affine linear(TorchParameters p, String name, long in, long out) {
            return new Affine(p.of(name + ".weight", out, in), p.of(name + ".bias", out));
        }

        Tensor normalize(Tensor x) {
            return layer_norm(x, weight.shape(), optional(weight), optional(bias), EPSILON, true);
        }

        Tensor product(Tensor x) {
            return torch.linear(x, weight, optional(bias));
        }
    }

    /** @param gpt GPT-2's block, else ViT's */
    record Make(long heads, long headWidth, boolean gpt) {}

    static TorchBlock of(TorchParameters p, String name, Stack stack, boolean gpt) {
        long d = stack.width();
        return new TorchBlock(
                Affine.norm(p, name + ".ln_1", d),
                Affine.linear(p, name + ".attn.c_attn", d, 3 * d),
                Affine.linear(p, name + ".attn.c_proj", d, d),
                Affine.norm(p, name + ".ln_2", d),
                Affine.linear(p, name + ".mlp.c_fc", d, 4 * d),
                Affine.linear(p, name + ".mlp.c_proj", 4 * d, d),
                new Make(stack.heads(), stack.headWidth(), gpt));
    }

    /** @param x [B, T, D] */
    Tensor forward(Tensor x) {
        Tensor attended = x.add(projection.product(attention(qkv.product(norm1.normalize(x)))));
        Tensor hidden = expand.product(norm2.normalize(attended));
        return attended.add(contract.product(make.gpt() ? gelu(hidden, "tanh") : gelu(hidden)));
    }

    private Tensor attention(Tensor fused) {
        long b = fused.size(0);
        long t = fused.size(1);
        long d = make.heads() * make.headWidth();
        TensorVector parts = fused.split(d, 2);
        Tensor y = attend(heads(parts.get(0), b, t), heads(parts.get(1), b, t), heads(parts.get(2), b, t), make.gpt());
        return y.transpose(1, 2).contiguous().view(b, t, d);
    }

    private Tensor heads(Tensor x, long b, long t) {
        return x.view(b, t, make.heads(), make.headWidth()).transpose(1, 2);
    }

    /** Each [B, H, T, K]. */
    static Tensor attend(Tensor q, Tensor k, Tensor v, boolean causal) {
        return scaled_dot_product_attention(q, k, v, new TensorOptional(), 0.0, causal, new DoubleOptional(), false);
    }
}
