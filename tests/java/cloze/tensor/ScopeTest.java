package cloze.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ScopeTest {
    private static final Shape SHAPE = new Shape(8, 197, 768);

    private final Pool pool = new Pool(new HostMemory(Long.MAX_VALUE), Long.MAX_VALUE);

    @AfterEach
    void close() {
        pool.close();
    }

    private static Tensor tensor(Scope scope, String name) {
        return scope.tensor(name, SHAPE, DType.F32);
    }

    @Test
    void a_tensor_used_after_its_scope_says_so() {
        Tensor x;
        try (Scope scope = pool.scope("step 412")) {
            x = tensor(scope, "blocks.3.x");
        }
        assertThatThrownBy(x::memory)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("blocks.3.x [8, 197, 768] f32 was freed when scope 'step 412' closed");
    }

    @Test
    void a_tensor_used_after_its_release_says_so() {
        try (Scope scope = pool.scope("step 412")) {
            Tensor x = tensor(scope, "blocks.3.x");
            scope.release(x);
            assertThatThrownBy(x::memory).hasMessage("blocks.3.x [8, 197, 768] f32 was released in scope 'step 412'");
        }
    }

    @Test
    void a_closed_scope_owns_nothing_new() {
        Scope scope = pool.scope("step 412");
        scope.close();
        assertThatThrownBy(() -> tensor(scope, "x")).hasMessage("scope 'step 412' is closed, so it can not own 'x'");
        scope.close();
    }

    @Test
    void an_adopted_tensor_outlives_its_scope() {
        try (Scope outer = pool.scope("outer")) {
            Tensor x;
            try (Scope inner = outer.child("inner")) {
                assertThat(inner.name()).isEqualTo("outer/inner");
                tensor(inner, "before");
                x = tensor(inner, "x");
                tensor(inner, "after");
                x.memory().setAtIndex(ValueLayout.JAVA_FLOAT, 5, 7);
                assertThat(outer.adopt(x)).isSameAs(x);
            }
            assertThat(x.memory().getAtIndex(ValueLayout.JAVA_FLOAT, 5)).isEqualTo(7);
            assertThat(pool.bytesUsed()).isEqualTo(outer.bytes()).isGreaterThanOrEqualTo(x.bytes());
        }
        assertThat(pool.bytesUsed()).isZero();
    }

    @Test
    void a_freed_tensor_can_not_be_adopted() {
        try (Scope outer = pool.scope("outer")) {
            Tensor x;
            try (Scope inner = outer.child("inner")) {
                x = tensor(inner, "x");
            }
            assertThatThrownBy(() -> outer.adopt(x)).hasMessageContaining("x [8, 197, 768] f32 is a slice or freed");
        }
    }

    @Test
    void a_released_tensor_can_not_be_adopted() {
        try (Scope outer = pool.scope("outer");
                Scope inner = outer.child("inner")) {
            Tensor x = tensor(inner, "x");
            inner.release(x);
            assertThatThrownBy(() -> outer.adopt(x)).isInstanceOf(IllegalStateException.class);
            assertThat(pool.bytesUsed()).isZero();
        }
    }

    @Test
    void released_blocks_are_used_again_at_once() {
        try (Scope scope = pool.scope("step")) {
            Tensor first = tensor(scope, "first");
            long address = first.memory().address();
            long bytes = scope.bytes();
            scope.release(first);
            assertThat(scope.bytes()).isZero();
            assertThat(tensor(scope, "second").memory().address()).isEqualTo(address);
            assertThat(scope.bytes()).isEqualTo(bytes);
        }
    }

    @Test
    void a_second_release_and_one_by_another_scope_do_nothing() {
        try (Scope scope = pool.scope("step");
                Scope other = pool.scope("other")) {
            Tensor x = tensor(scope, "x");
            other.release(x);
            x.memory();
            scope.release(x);
            scope.release(x);
            Tensor a = tensor(scope, "a");
            Tensor b = tensor(scope, "b");
            assertThat(a.memory().address()).isNotEqualTo(b.memory().address());
        }
    }

    @Test
    void a_slice_is_part_of_its_parent_and_dies_with_it() {
        Tensor slice;
        try (Scope scope = pool.scope("model")) {
            Tensor flat = scope.tensor("flat", new Shape(100), DType.F32);
            slice = scope.slice(flat, 7, "norm.weight", new Shape(3, 4), true);
            flat.memory().setAtIndex(ValueLayout.JAVA_FLOAT, 7 + 5, 9);
            assertThat(slice.memory().getAtIndex(ValueLayout.JAVA_FLOAT, 5)).isEqualTo(9);
            assertThat(slice.trainable()).isTrue();
            assertThatThrownBy(() -> scope.adopt(slice)).hasMessageContaining("is a slice or freed");
        }
        assertThatThrownBy(slice::memory).hasMessage("norm.weight [3, 4] f32 was freed when scope 'model' closed");
    }

    @Test
    void a_slice_past_the_end_is_rejected() {
        try (Scope scope = pool.scope("model")) {
            Tensor flat = scope.tensor("flat", new Shape(100), DType.F32);
            assertThatThrownBy(() -> scope.slice(flat, 89, "w", new Shape(3, 4), true))
                    .hasMessage("slice w [3, 4] at element 89 does not fit flat [100] f32");
            assertThatThrownBy(() -> scope.slice(flat, -1, "w", new Shape(3), true))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }
}
